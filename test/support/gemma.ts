// Small Gemma 3n language models with weights that all matter.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { saveParams } from 'gemma-3ncore/adapters/param_files';
import { float, stringifyFloatJson } from 'gemma-3ncore/files/float_json';
import type { JsonObject } from 'gemma-3ncore/files/json';
import { spec, type Gemma3nTextParams } from 'gemma-3ncore/models/gemma3n_text';
import { gemma3nTextConfig } from 'gemma-3ncore/models/gemma3n_text_config';
import { toMemory } from 'gemma-3ncore/tree/layout';
import { dense } from 'gemma-3ncore/tree/leaf';
import { disposeParams, initialise, type LeafMaker } from 'gemma-3ncore/tree/params';
import { fold, Random, rootKey } from 'gemma-3ncore/tree/random';

/** Six layers of three kinds of width, the last two shared; a window of 3; three versions, the second of them active. */
export const smallGemma: JsonObject = {
  architectures: ['Gemma3nForCausalLM'],
  model_type: 'gemma3n_text',
  activation_sparsity_pattern: [0, 0, 0, 0, 0, 0],
  altup_active_idx: 1,
  altup_correct_scale: false,
  altup_num_inputs: 3,
  final_logit_softcapping: 1.5,
  head_dim: 6,
  hidden_activation: 'gelu',
  hidden_size: 24,
  hidden_size_per_layer_input: 5,
  intermediate_size: [40, 40, 28, 28, 52, 52],
  laurel_rank: 3,
  layer_types: [
    'sliding_attention',
    'full_attention',
    'sliding_attention',
    'sliding_attention',
    'full_attention',
    'sliding_attention',
  ],
  num_attention_heads: 6,
  num_hidden_layers: 6,
  num_key_value_heads: 3,
  num_kv_shared_layers: 2,
  pad_token_id: 0,
  rms_norm_eps: 1e-5,
  rope_parameters: {
    full_attention: { rope_theta: 5000, rope_type: 'default' },
    sliding_attention: { rope_theta: 50, rope_type: 'default' },
  },
  sliding_window: 3,
  torch_dtype: 'float32',
  vocab_size: 80,
  vocab_size_per_layer_input: 64,
};

/** Vectors around 1, matrices that keep the size of what goes through them. */
const stirred: LeafMaker = (path, { shape }, values) => {
  const random = new Random(fold(rootKey(11), path));
  const [rows = 1, columns] = shape;
  const value = (): number =>
    columns === undefined ? 1 + 0.2 * random.normal() : random.normal() / Math.sqrt(Math.min(rows, columns));
  return dense(toMemory(values.map(value), shape, 'same'));
};

/** Random parameters of a configuration; the caller owns them. */
export function randomGemma(json: JsonObject): Gemma3nTextParams {
  return initialise(spec(gemma3nTextConfig(json)), rootKey(1), stirred);
}

/** Writes a random model as transformers does, under `model.`. */
export async function writeGemma(folder: string, json: JsonObject = smallGemma): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const params = randomGemma(json);
  const entries = { model: spec(gemma3nTextConfig(json)) };
  await saveParams(join(folder, 'model.safetensors'), { model: params }, entries);
  const floats = {
    final_logit_softcapping: float(json['final_logit_softcapping'] as number),
    activation_sparsity_pattern: (json['activation_sparsity_pattern'] as number[]).map(float),
  };
  writeFileSync(join(folder, 'config.json'), stringifyFloatJson({ ...json, ...floats }));
  disposeParams(params);
  return folder;
}
