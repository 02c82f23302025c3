import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { openSafetensors } from 'gemma-3ncore/files/safetensors';
import { loadCheckpoint } from 'gemma-3ncore/models/checkpoint';
import { forward, gemma3nVisionAnchor, gemma3nVisionConfig, spec } from 'gemma-3ncore/models/gemma3n_embed_vision';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import { disposeParams } from 'gemma-3ncore/tree/params';
import { countParameters, flattenSpec } from 'gemma-3ncore/tree/spec';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { golden, goldenJson } from '../support/goldens.js';

const folder = useFolder();
const checkpoint = golden('gemma3n', 'multimodal_bf16');
const json = goldenJson('gemma3n', 'multimodal_bf16', 'config.json');

describe('models/gemma3n_embed_vision', () => {
  useEngine();

  it('gives the image features of transformers from a checkpoint as the hub holds it', () => {
    const config = gemma3nVisionConfig(json);
    const before = tf.memory().numTensors;
    const params = loadCheckpoint(spec(config), checkpoint, gemma3nVisionAnchor);
    const io = openSafetensors(join(checkpoint, 'io.safetensors'));
    const pixels = tf.tidy(() =>
      tf.transpose(tf.tensor4d(io.read('pixel_values'), [2, 3, 64, 64]), [0, 2, 3, 1]),
    ) as tf.Tensor4D;
    const { vision, image_features } = forward(params, pixels, config, { features: ['stage.2'] });
    assert.deepEqual(Object.keys(vision).sort(), ['output', 'stage.2']);
    assert.deepEqual(image_features.shape, [2, 4, 32]);
    // 1e-4 · max(1, max|expected|): the goldens' rule for forward passes.
    assertClose(image_features.dataSync(), io.read('image_features'), 1e-4);
    io.close();
    tf.dispose([pixels, image_features, ...Object.values(vision)]);
    disposeParams(params);
    assert.equal(tf.memory().numTensors, before);
  });

  it("has the names and shapes of Gemma 3n's embedder and tower by default", () => {
    const config = gemma3nVisionConfig({
      vision_config: { num_classes: 2, model_args: null, model_type: 'gemma3n_vision' },
    });
    const shapes = Object.fromEntries([...flattenSpec(spec(config))].map(([path, { shape }]) => [path, shape]));
    assert.deepEqual(shapes['embed_vision.soft_embedding_norm.weight'], [2048]);
    assert.deepEqual(shapes['embed_vision.embedding_projection.weight'], [2048, 2048]);
    // 294,126,912 of the tower (goldens/full), 2048 and 2048² of the embedder.
    assert.equal(countParameters(spec(config)), 294_126_912 + 2048 + 2048 * 2048);
  });

  it('is the tower that a student takes from the same checkpoint', () => {
    const config = mobilenetV5Config(json);
    const copy = join(folder, 'base');
    cpSync(checkpoint, copy, { recursive: true });
    const params = loadCheckpoint(mobilenet.spec(config), copy, mobilenet.mobilenetV5Anchor);
    assert.deepEqual(config, gemma3nVisionConfig(json).backbone);
    disposeParams(params);
  });

  it('refuses tokens and sizes that are not those of its tower', () => {
    const { vision_config } = json as { vision_config: Record<string, unknown> };
    assert.throws(
      () => gemma3nVisionConfig({ ...json, vision_soft_tokens_per_image: 256 }),
      /field vision_soft_tokens_per_image: expected the tower's 4, got 256/,
    );
    assert.throws(
      () => gemma3nVisionConfig({ ...json, vision_config: { ...vision_config, hidden_size: 64 } }),
      /field hidden_size: expected the tower's 2048, got 64/,
    );
  });

  it('refuses block arguments that no MobileNetV5 has, naming the block', () => {
    const block = { block_type: 'uir', dw_kernel_size_mid: 5, stride: 2, exp_ratio: 4, out_chs: 8 };
    const refused: [object, RegExp][] = [
      [{ ...block, block_type: 'ir' }, /stage 0, block 0, block_type: expected one of er, uir, mqa, got "ir"/],
      [{ ...block, se_ratio: 0.25 }, /block 0, se_ratio: expected 0, got 0\.25/],
      [{ ...block, group_size: 8 }, /block 0, group_size: expected no such argument, got 8/],
      [{ ...block, stride: '2' }, /block 0, stride: expected a number, got "2"/],
      [{ block_type: 'mqa', key_dim: 8, value_dim: 4 }, /block 0, value_dim: expected 8, got 4/],
    ];
    for (const [args, message] of refused) {
      assert.throws(() => mobilenetV5Config({ block_args: [[args]] }), message);
    }
    assert.throws(() => mobilenetV5Config({ block_args: [block] }), /block_args: expected a list of lists of blocks/);
    assert.deepEqual(mobilenetV5Config({ block_args: [[{ ...block, noskip: true }]] }).arch_def, [
      ['uir_r1_k5_s2_e4_c8_noskip'],
    ]);
  });
});
