import { isJsonObject, type JsonObject } from '../files/json.js';
import { activationNames } from '../nn/activation.js';
import { BadInput } from '../host/errors.js';
import { ConfigFields } from './config_fields.js';

/** The vision part of a SigLIP `config.json` (transformers/models/siglip/configuration_siglip.py). */
export interface SiglipVisionConfig {
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_channels: number;
  /** Pixels a side of the image that the position table is for. */
  readonly image_size: number;
  readonly patch_size: number;
  readonly hidden_act: string;
  readonly layer_norm_eps: number;
  /** Whether there is an attention pooling head (false in MedGemma). */
  readonly vision_use_head: boolean;
}

/**
 * A configuration from a parsed `config.json` of the tower, of SigLIP, or of a model around it (MedGemma), which hold it as
 * `vision_config`; absent fields take transformers' defaults.
 * @throws BadInput naming the wrong field.
 */
export function siglipVisionConfig(json: JsonObject, where = 'config.json'): SiglipVisionConfig {
  const nested = json['vision_config'];
  const fields = new ConfigFields(isJsonObject(nested) ? nested : json, where);
  const config = {
    hidden_size: fields.count('hidden_size', 768),
    intermediate_size: fields.count('intermediate_size', 3072),
    num_hidden_layers: fields.count('num_hidden_layers', 12),
    num_attention_heads: fields.count('num_attention_heads', 12),
    num_channels: fields.count('num_channels', 3),
    image_size: fields.count('image_size', 224),
    patch_size: fields.count('patch_size', 16),
    hidden_act: fields.oneOf('hidden_act', activationNames, 'gelu_pytorch_tanh'),
    layer_norm_eps: fields.number('layer_norm_eps', 1e-6),
    vision_use_head: fields.flag('vision_use_head', true),
  };
  if (config.hidden_size % config.num_attention_heads !== 0) {
    const expected = `a divisor of hidden_size ${config.hidden_size}`;
    throw new BadInput({
      where: `${where}, field num_attention_heads`,
      expected,
      got: String(config.num_attention_heads),
    });
  }
  return config;
}

/** Patches along the height and width of an image of the given size; trailing pixels that fill no patch are dropped. */
export function patchGrid(config: SiglipVisionConfig, [height, width]: readonly [number, number]): [number, number] {
  return [Math.floor(height / config.patch_size), Math.floor(width / config.patch_size)];
}
