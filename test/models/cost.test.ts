import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { mobilenetV5Flops, siglipFlops } from 'gemma-3ncore/models/cost';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import { siglipVisionConfig } from 'gemma-3ncore/models/siglip_vision_config';

function config(name: string): Record<string, never> {
  return JSON.parse(readFileSync(projectPath('data-manifests', 'configs', `${name}.json`), 'utf8'));
}

describe('models/cost', () => {
  // torch's FlopCounter on the reference models: 979 GFLOP a frame with the attention products, 87.4 and 871 GFLOP.
  it('counts so400m/14 at 448 px as the reference does, to 0.1 %', () => {
    const found = siglipFlops(siglipVisionConfig(config('siglip-so400m-14-448')), [448, 448]) / 1e9;
    assert.ok(Math.abs(found - 979) < 0.98, `${found}`);
  });

  it('counts mobilenetv5_300m_enc at 256 and 768 px as the reference does, to 0.1 %', () => {
    const encoder = mobilenetV5Config(config('mobilenetv5_300m_enc'));
    assert.ok(Math.abs(mobilenetV5Flops(encoder, [256, 256]) / 1e9 - 87.4) < 0.0874);
    const upTo = (block: string): number => mobilenetV5Flops(encoder, [256, 256], block);
    assert.ok(upTo('blocks.0.0') > 0 && upTo('blocks.0.0') < upTo('blocks.1.4'));
    assert.ok(upTo('blocks.3.38') < mobilenetV5Flops(encoder, [256, 256]));
    assert.ok(Math.abs(mobilenetV5Flops(encoder, [768, 768]) / 1e9 - 871) < 0.871);
  });
});
