import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import { frozenPrefix } from 'gemma-3ncore/models/mobilenet_v5_prefix';

/** Fuses stages 2 and 3. */
const config = mobilenetV5Config({
  arch_def: [
    ['er_r1_k3_s2_e4_c8'],
    ['uir_r2_a3_k5_s2_e4_c16'],
    ['uir_r1_a5_k5_s2_e4_c24', 'mqa_r1_k3_h2_v2_s1_d8_c24'],
    ['uir_r2_a5_k5_s2_e4_c32'],
  ],
});

describe('models/mobilenet_v5_prefix', () => {
  const cases: [what: string, trained: string[], features: string[], after: string, known: string[]][] = [
    ['ends below the first trained block', ['blocks.3.0.x', 'blocks.1.1.x'], [], 'blocks.1.0', []],
    ['keeps a fused stage below its end', ['blocks.3.1.x'], [], 'blocks.3.0', ['blocks.2.1']],
    ['has the fused stage at its end already', ['blocks.3.0.x', 'msfa.x'], ['output'], 'blocks.2.1', []],
    ['is every block where the fusion alone is trained', ['msfa.ffn.x'], [], 'blocks.3.1', ['blocks.2.1']],
    [
      'keeps wanted maps from below, each once',
      ['blocks.3.0.x'],
      ['stage.1', 'blocks.1.1', 'stem', 'blocks.2.1.attn', 'stage.2', 'stage.3'],
      'blocks.2.1',
      ['blocks.1.1', 'stem', 'blocks.2.1.attn'],
    ],
  ];
  for (const [what, trained, features, after, known] of cases) {
    it(what, () => assert.deepEqual(frozenPrefix(config, trained, features), { after, known }));
  }

  it('is nothing where the stem or the first block is trained', () => {
    assert.equal(frozenPrefix(config, ['blocks.0.0.conv_pwl.weight'], []), undefined);
    assert.equal(frozenPrefix(config, ['conv_stem.conv.weight', 'blocks.3.0.x'], []), undefined);
  });
});
