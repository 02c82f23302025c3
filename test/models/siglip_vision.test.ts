import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { siglipFeatureShapes } from 'gemma-3ncore/models/feature_shapes';
import { BadInput } from 'gemma-3ncore/host/errors';
import { forward, spec } from 'gemma-3ncore/models/siglip_vision';
import { patchGrid, siglipVisionConfig } from 'gemma-3ncore/models/siglip_vision_config';
import { disposeParams, initialise, trainable, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { flattenSpec, type Spec } from 'gemma-3ncore/tree/spec';
import { assertNoLeak } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { goldenJson } from '../support/goldens.js';
import { withLora } from '../support/lora.js';

const so400m = {
  hidden_size: 1152,
  intermediate_size: 4304,
  num_hidden_layers: 27,
  num_attention_heads: 16,
  patch_size: 14,
};
const small = {
  hidden_size: 24,
  intermediate_size: 40,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  patch_size: 8,
  image_size: 32,
};

function sameKeys(found: Spec, file: string): void {
  const { keys, prefix } = goldenJson('full', file) as { keys: Record<string, number[]>; prefix: string };
  const shapes = Object.fromEntries([...flattenSpec(found)].map(([path, { shape }]) => [prefix + path, [...shape]]));
  assert.deepEqual(shapes, keys);
}

describe('models/siglip_vision', () => {
  useEngine();

  it('has the parameters of MedSigLIP (so400m, 448 px)', () => {
    sameKeys(
      spec(siglipVisionConfig({ vision_config: { ...so400m, image_size: 448 } })),
      'siglip_so400m_14_448.keys.json',
    );
  });

  it("has the parameters of MedGemma's tower (so400m, 896 px, no head)", () => {
    const config = siglipVisionConfig({ ...so400m, image_size: 896, vision_use_head: false });
    sameKeys(spec(config), 'siglip_so400m_14_896_medgemma.keys.json');
  });

  it('takes defaults of transformers and refuses what cannot be', () => {
    assert.deepEqual(siglipVisionConfig({}).hidden_act, 'gelu_pytorch_tanh');
    assert.deepEqual(siglipVisionConfig({}).vision_use_head, true);
    for (const wrong of [
      { hidden_act: 'gelo' },
      { num_attention_heads: 7 },
      { hidden_size: 0 },
      { layer_norm_eps: '1' },
    ]) {
      assert.throws(() => siglipVisionConfig(wrong), BadInput, JSON.stringify(wrong));
    }
  });

  it('gives the wanted features alone, drops trailing pixels and leaks nothing', () => {
    const config = siglipVisionConfig({ ...small, hidden_act: 'gelu' });
    assertNoLeak(tf.memory, () => {
      const params = initialise(spec(config), rootKey(1));
      const images = tf.randomUniform([2, 39, 32, 3], -1, 1, 'float32', 5) as tf.Tensor4D;
      assert.deepEqual(patchGrid(config, [39, 32]), [4, 4]);
      const all = forward(params, images, config);
      assert.deepEqual(Object.fromEntries(Object.entries(all).map(([name, x]) => [name, x.shape])), {
        position_embedding: [1, 16, 24],
        'hidden_states.0': [2, 16, 24],
        'hidden_states.1': [2, 16, 24],
        'hidden_states.2': [2, 16, 24],
        last_hidden_state: [2, 16, 24],
        pooler_output: [2, 24],
      });
      for (const [name, [h, w, D]] of siglipFeatureShapes(config, [39, 32])) {
        assert.deepEqual(all[name]!.shape, [2, h * w, D], name);
      }
      const cropped = tf.slice(images, [0, 0, 0, 0], [2, 32, 32, 3]);
      const some = forward(params, cropped, config, { features: ['hidden_states.1', 'pooler_output'] });
      assert.deepEqual(Object.keys(some), ['hidden_states.1', 'pooler_output']);
      for (const [name, x] of Object.entries(some)) assert.deepEqual(x.dataSync(), all[name]!.dataSync(), name);
      tf.dispose([images, cropped, all, some]);
      disposeParams(params);
    });
  });

  it('refuses an image of another size unless the position table may be interpolated', () => {
    const config = siglipVisionConfig(small);
    tf.tidy(() => {
      const params = initialise(spec(config), rootKey(2));
      const images = tf.zeros([1, 24, 48, 3]) as tf.Tensor4D;
      assert.throws(() => forward(params, images, config), /expected 4×4 patches, got 3×6/);
      const found = forward(params, images, config, { interpolatePosEncoding: true, features: ['hidden_states.0'] });
      assert.deepEqual(found['hidden_states.0']!.shape, [1, 18, 24]);
      assert.throws(
        () => forward(params, tf.zeros([1, 32, 32, 3]), config, { features: ['x'] }),
        /features: expected one of/,
      );
    });
  });

  it('is unchanged by LoRA with B = 0 on every product', () => {
    const config = siglipVisionConfig(small);
    tf.tidy(() => {
      const params = initialise(spec(config), rootKey(3));
      const images = tf.randomUniform([1, 32, 32, 3], -1, 1, 'float32', 6) as tf.Tensor4D;
      const adapted = withLora(params, /(_proj|fc1|fc2|patch_embedding)\.weight$|in_proj_weight$/);
      const [plain, same] = [forward(params, images, config), forward(adapted, images, config)];
      for (const [name, x] of Object.entries(plain)) assert.deepEqual(same[name]!.dataSync(), x.dataSync(), name);
    });
  });

  it('has a gradient for every parameter', () => {
    const config = siglipVisionConfig(small);
    assertNoLeak(tf.memory, () => {
      const params = trainable(initialise(spec(config), rootKey(4)));
      const images = tf.randomUniform([2, 40, 24, 3], -1, 1, 'float32', 7) as tf.Tensor4D;
      const variables = trainableVariables(params);
      assert.equal(variables.size, flattenSpec(spec(config)).size);
      const options = { features: ['pooler_output'], interpolatePosEncoding: true };
      const { value, grads } = tf.variableGrads(
        () => tf.mean(tf.square(forward(params, images, config, options)['pooler_output']!)),
        [...variables.values()],
      );
      for (const [path, variable] of variables) {
        const largest = tf.tidy(() => tf.max(tf.abs(grads[variable.name]!)).dataSync()[0]!);
        // A bias of keys shifts all scores of a query alike: its gradient is 0 but for rounding.
        if (!path.endsWith('k_proj.bias')) assert.ok(largest > 1e-8 && Number.isFinite(largest), `${path}: ${largest}`);
      }
      tf.dispose([value, grads, images]);
      disposeParams(params);
    });
  });
});
