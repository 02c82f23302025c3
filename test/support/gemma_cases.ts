// What test/python/check_models.py reads of Gemma 3n: models and slices as they are written here, and their outputs.
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { readJsonObject, type JsonObject } from 'gemma-3ncore/files/json';
import { loadCheckpoint } from 'gemma-3ncore/models/checkpoint';
import * as vision from 'gemma-3ncore/models/gemma3n_embed_vision';
import { forward, gemma3nTextAnchor, spec } from 'gemma-3ncore/models/gemma3n_text';
import { gemma3nTextConfig } from 'gemma-3ncore/models/gemma3n_text_config';
import { matformerSlice } from 'gemma-3ncore/models/matformer';
import { sliceModel } from 'gemma-3ncore/slice';
import { disposeParams } from 'gemma-3ncore/tree/params';
import { smallGemma, writeGemma } from './gemma.js';
import { golden } from './goldens.js';
import { images, writeCase, type Named } from './python_cases.js';

/** Two sequences longer than the window, the second with padding before it; 64 to 79 are beyond the per-layer table. */
const tokens = [
  [2, 17, 70, 5, 79, 33, 8, 8, 64, 51, 12, 3, 40],
  [0, 0, 0, 0, 2, 71, 9, 60, 44, 13, 66, 1, 29],
];
const mask = tokens.map((row) => row.map((token) => Number(token !== 0)));

/** The features with zeros where there is padding, which nobody compares. */
function withoutPadding(found: Named, attentionMask: tf.Tensor2D): Named {
  const kept = tf.cast(tf.expandDims(attentionMask, 2), 'float32');
  return Object.fromEntries(Object.entries(found).map(([name, x]) => [name, tf.mul(x, kept)]));
}

/** Every hidden state and the logits of the model in `folder/model`. */
async function writeTextCase(folder: string): Promise<void> {
  const model = join(folder, 'model');
  const config = gemma3nTextConfig(readJsonObject(join(model, 'config.json')));
  const params = loadCheckpoint(spec(config), model, gemma3nTextAnchor);
  const input = {
    input_ids: tf.tensor2d(tokens, undefined, 'int32'),
    attention_mask: tf.tensor2d(mask, undefined, 'int32'),
  };
  const output = tf.tidy(() => {
    const found = forward(params, input.input_ids, config, { attentionMask: input.attention_mask });
    return withoutPadding(found, input.attention_mask);
  });
  disposeParams(params);
  const written = { input_ids: tf.tensor2d(tokens), attention_mask: tf.tensor2d(mask) };
  tf.dispose(input);
  await writeCase(folder, { kind: 'gemma3n_text' }, written, output);
}

async function randomTextCase(folder: string, json: JsonObject): Promise<void> {
  await writeGemma(join(folder, 'model'), json);
  await writeTextCase(folder);
}

export async function textCase(root: string, name: string): Promise<void> {
  await randomTextCase(join(root, name), smallGemma);
}

export async function sparseTextCase(root: string, name: string): Promise<void> {
  await randomTextCase(join(root, name), {
    ...smallGemma,
    activation_sparsity_pattern: [0.95, 0.5, 0.1, 0, 0.6, 0.99],
    altup_active_idx: 0,
    altup_correct_scale: true,
    altup_num_inputs: 2,
    hidden_activation: 'gelu_pytorch_tanh',
    num_key_value_heads: 1,
    num_kv_shared_layers: 0,
    sliding_window: 5,
  });
}

/** Without a layer of each kind, every network narrower. */
export async function slicedTextCase(root: string, name: string): Promise<void> {
  const base = await writeGemma(join(root, `${name}, base`), {
    ...smallGemma,
    activation_sparsity_pattern: [0.9, 0, 0.7, 0, 0.5, 0],
  });
  await sliceModel(base, join(root, name, 'model'), (config, where) =>
    matformerSlice({ layers: [0, 1, 3, 4], intermediate_size: [31, 12, 28, 5] }, config, where),
  );
  await writeTextCase(join(root, name));
}

/** The whole of Gemma 3n with its language model sliced. */
export async function slicedVisionCase(root: string, name: string): Promise<void> {
  const model = join(root, name, 'model');
  await sliceModel(golden('gemma3n', 'multimodal_bf16'), model, (config, where) =>
    matformerSlice({ layers: [0, 1, 3], intermediate_size: [20, 64, 8] }, config, where),
  );
  const config = vision.gemma3nVisionConfig(readJsonObject(join(model, 'config.json')));
  const params = loadCheckpoint(vision.spec(config), model, vision.gemma3nVisionAnchor);
  const pixels = images([64, 64], 12, 0);
  const output = tf.tidy(() => ({ image_features: vision.forward(params, pixels, config).image_features }));
  disposeParams(params);
  await writeCase(join(root, name), { kind: 'gemma3n_vision' }, { images: pixels }, output);
}
