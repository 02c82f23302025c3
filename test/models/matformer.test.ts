import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { BadInput } from 'gemma-3ncore/host/errors';
import { spec } from 'gemma-3ncore/models/gemma3n_text';
import { gemma3nTextConfig, kvLayer } from 'gemma-3ncore/models/gemma3n_text_config';
import { e2bSlice, matformerSlice, sliceConfig, type MatformerSlice } from 'gemma-3ncore/models/matformer';
import { countParameters } from 'gemma-3ncore/tree/spec';
import { golden, goldenJson } from '../support/goldens.js';

const json = goldenJson('gemma3n', 'text', 'config.json');
const base = gemma3nTextConfig(json);
/** The configuration of a slice, parsed. */
const sliced = (json: object, slice: MatformerSlice): Record<string, unknown> =>
  JSON.parse(sliceConfig(JSON.stringify(json), slice)) as Record<string, unknown>;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('models/matformer', () => {
  it('finds E2B in E4B', () => {
    const e4b = { model_type: 'gemma3n', text_config: { num_hidden_layers: 35 }, vision_config: { hidden_size: 2048 } };
    const slice = e2bSlice(gemma3nTextConfig(e4b), 'config.json');
    const changed = sliced(e4b, slice);
    assert.deepEqual(changed['vision_config'], e4b.vision_config);
    const e2b = gemma3nTextConfig(changed);
    // As google/gemma-3n-E2B has them.
    assert.deepEqual([e2b.num_hidden_layers, e2b.num_kv_shared_layers], [30, 10]);
    assert.deepEqual(e2b.intermediate_size, Array<number>(30).fill(8192));
    assert.deepEqual(e2b.activation_sparsity_pattern, [...Array<number>(10).fill(0.95), ...Array<number>(20).fill(0)]);
    assert.deepEqual(
      e2b.layer_types,
      range(30).map((i) => (i % 5 === 4 ? 'full_attention' : 'sliding_attention')),
    );
    // Layers after the dropped ones attend to the same keys and values as before.
    for (const layer of range(30)) assert.equal(kvLayer(e2b, layer), layer < 20 ? layer : layer % 5 === 4 ? 19 : 18);
    // Dropped: 5 layers and half of what is left of the feed-forward networks, 5 layers of per-layer embeddings.
    const [D, P, V] = [2048, 256, 262144];
    const sizes = [gemma3nTextConfig(e4b), e2b].map((config) => countParameters(spec(config)));
    const layer = 2 * D * D + 256 + 3 * D * 16384 + 4 * D + D + 16 + 64 + 5 * D + 2 * 64 * D + D + 2 * P * D + D;
    assert.equal(sizes[0]! - sizes[1]!, 5 * layer + 30 * 3 * D * 8192 + 5 * P * (V + D));
  });

  it('keeps the kinds of the kept layers and takes the others out of the shared', () => {
    const slice = matformerSlice({ layers: [1, 2, 3, 6], intermediate_size: [10, 20, 64, 1] }, base, 's.json');
    const changed = gemma3nTextConfig(sliced(json, slice));
    assert.deepEqual([changed.num_hidden_layers, changed.num_kv_shared_layers], [4, 1]);
    assert.deepEqual(changed.intermediate_size, [10, 20, 64, 1]);
    assert.deepEqual(changed.activation_sparsity_pattern, [0.8, 0, 0, 0]);
    assert.deepEqual(
      changed.layer_types.map((type) => type[0]),
      ['f', 's', 'f', 's'],
    );
    assert.equal(kvLayer(changed, 3), 1);
  });

  it('leaves every other field as it is spelled, and spells shares as floats', () => {
    const text = readFileSync(golden('gemma3n', 'text', 'config.json'), 'utf8');
    const changed = sliceConfig(text, matformerSlice({ layers: [1, 2, 3] }, base, 's.json'));
    assert.match(changed, /"final_logit_softcapping": 30\.0,\n.*"head_dim": 8,/);
    assert.match(changed, /"rms_norm_eps": 1e-06,/);
    assert.match(changed, /"activation_sparsity_pattern": \[\s*0\.8,\s*0\.0,\s*0\.0\s*\]/);
    const whole = matformerSlice({}, base, 's.json');
    assert.equal(sliceConfig(text, whole), text.trimEnd() + '\n');
  });

  it("takes the base's layers and widths where none are given, and one width for all", () => {
    assert.deepEqual(matformerSlice({}, base, 's'), { layers: range(8), intermediate_size: Array<number>(8).fill(64) });
    const narrow = matformerSlice({ layers: [2, 3, 5], intermediate_size: 7 }, base, 's');
    assert.deepEqual(narrow.intermediate_size, [7, 7, 7]);
  });

  it('refuses what is no slice of the base, naming the field', () => {
    const layers = range(8);
    const refused: [object, RegExp][] = [
      [{ layers, widths: 3 }, /^s\.json: expected fields layers, intermediate_size, got widths\.$/],
      [{ layers: [] }, /field layers: expected at least one layer, got none/],
      [{ layers: [0, 8] }, /field layers: expected layers from 0 to 7 in ascending order, each once, got 8/],
      [{ layers: [-1, 3] }, /field layers: expected layers from 0 to 7 .*, got -1/],
      [{ layers: [2, 3, 3] }, /field layers: .* in ascending order, each once, got 3/],
      [{ layers: [3, 2] }, /field layers: .* in ascending order, each once, got 2/],
      [
        { layers: [0, 1, 2, 4] },
        /expected layer 3 among them, whose keys and values layers from 4 on share, got a list/,
      ],
      [{ layers: [3, 4] }, /expected layer 2 among them/],
      [{ layers: '0-7' }, /field layers: expected a list of whole numbers/],
      [{ intermediate_size: [64, 64] }, /field intermediate_size: expected 8 widths, one a kept layer, got 2/],
      [
        { layers: [2, 3], intermediate_size: [64, 65] },
        /intermediate_size, value 1: expected a width from 1 to the 64 of the base's layer 3, got 65/,
      ],
      [{ intermediate_size: 0 }, /intermediate_size, value 0: expected a width from 1 to the 64 .*, got 0/],
      [{ intermediate_size: 2.5 }, /field intermediate_size: expected a list of whole numbers/],
      [{ intermediate_size: 'narrow' }, /field intermediate_size: expected a list of whole numbers, got "narrow"/],
    ];
    for (const [slice, message] of refused) {
      const attempt = (): unknown => matformerSlice(slice as Record<string, unknown>, base, 's.json');
      assert.throws(attempt, (error) => error instanceof BadInput && message.test(error.message), message.source);
    }
    assert.throws(
      () => e2bSlice(base, 'config.json'),
      /expected Gemma 3n E4B \(35 layers of width 16384, 15 of them shared\) for the preset e2b, got 8 layers of width 64, 4 of them/,
    );
  });
});
