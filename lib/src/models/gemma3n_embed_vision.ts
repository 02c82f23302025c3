import * as tf from '@tensorflow/tfjs';
import type { JsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';
import { linear } from '../nn/linear.js';
import { rmsNorm } from '../nn/norm.js';
import { rmsNorm as rmsNormOp } from '../ops/rms_norm.js';
import { constant, normal } from '../tree/init.js';
import { param, type ParamsOf } from '../tree/spec.js';
import { ConfigFields } from './config_fields.js';
import type { FeatureMap } from './features.js';
import * as mobilenet from './mobilenet_v5.js';
import { mobilenetV5Config, type MobileNetV5Config } from './mobilenet_v5_config.js';

/** The vision part of a Gemma 3n `config.json` (transformers/models/gemma3n/configuration_gemma3n.py). */
export interface Gemma3nVisionConfig {
  readonly backbone: MobileNetV5Config;
  /** Channels of the vision tower's output. */
  readonly hidden_size: number;
  /** Width of the language model. */
  readonly text_hidden_size: number;
  readonly rms_norm_eps: number;
  /** Positions of the tower's output, each one soft token. */
  readonly vision_soft_tokens_per_image: number;
}

/** An entry that every Gemma 3n checkpoint with a vision tower has: where its prefix (`model.`) ends. */
export const gemma3nVisionAnchor = `vision_tower.timm_model.${mobilenet.mobilenetV5Anchor}`;

/**
 * The vision configuration from a parsed Gemma 3n `config.json`; absent fields take transformers' defaults.
 * @throws BadInput naming the wrong field, or sizes of tower and embedder that differ.
 */
export function gemma3nVisionConfig(json: JsonObject, where = 'config.json'): Gemma3nVisionConfig {
  const fields = new ConfigFields(json, where);
  const none = new ConfigFields({}, where);
  const vision = fields.object('vision_config') ?? none;
  const backbone = mobilenetV5Config(
    { architecture: 'mobilenetv5_300m_enc', ...vision.json },
    `${where}, vision_config`,
  );
  const config = {
    backbone,
    hidden_size: vision.count('hidden_size', 2048),
    text_hidden_size: (fields.object('text_config') ?? none).count('hidden_size', 2048),
    rms_norm_eps: vision.number('rms_norm_eps', 1e-6),
    vision_soft_tokens_per_image: fields.count('vision_soft_tokens_per_image', 256),
  };
  const [height, width] = backbone.msfa_output_resolution;
  const check = (field: string, value: number, expected: number): void => {
    if (value === expected) return;
    throw new BadInput({ where: `${where}, field ${field}`, expected: `the tower's ${expected}`, got: String(value) });
  };
  check('vision_soft_tokens_per_image', config.vision_soft_tokens_per_image, height * width);
  check('hidden_size', config.hidden_size, backbone.num_features);
  return config;
}

/** The parameters under their names in a Gemma 3n checkpoint (after `model.`); those of text and audio are left out. */
export function spec({ backbone, hidden_size: C, text_hidden_size: D }: Gemma3nVisionConfig) {
  return {
    vision_tower: { timm_model: mobilenet.spec(backbone) },
    embed_vision: {
      soft_embedding_norm: { weight: param([C], 'same', constant(1)) },
      embedding_projection: { weight: param([D, C], 'same', normal(0.02)) },
    },
  };
}

export type Gemma3nVisionParams = ParamsOf<ReturnType<typeof spec>>;

/** What a pass gives, owned by the caller. */
export interface Gemma3nVisionOutput {
  /** Wanted features of the tower, `[B, h, w, c]`, by their names in MobileNetV5; `output` is its last hidden state. */
  readonly vision: FeatureMap<tf.Tensor4D>;
  /** Soft tokens of the language model, `[B, tokens, text_hidden_size]`. */
  readonly image_features: tf.Tensor3D;
}

/** Soft tokens from the tower's output `[B, h, w, C]`, row by row, scaled by √C (Gemma3nMultimodalEmbedder). */
function embed(output: tf.Tensor4D, params: Gemma3nVisionParams['embed_vision'], config: Gemma3nVisionConfig) {
  const { hidden_size: C, text_hidden_size: D, rms_norm_eps: eps } = config;
  return tf.tidy(() => {
    const tokens = tf.mul(tf.reshape(output, [output.shape[0], -1, C]), Math.sqrt(C)) as tf.Tensor3D;
    const normed = rmsNorm(tokens, params.soft_embedding_norm.weight, eps);
    return rmsNormOp(linear(normed, params.embedding_projection.weight), tf.ones([D]), eps);
  });
}

/**
 * Gemma 3n's vision path (transformers/models/gemma3n/modeling_gemma3n.py get_image_features): the MobileNetV5 tower on
 * images `[B, H, W, 3]` (values 0 … 1), then `embed_vision`. The language model is not run. `features` names the tower's
 * features that are wanted besides its `output`.
 * @throws BadInput when a wanted feature does not exist.
 */
export function forward(
  params: Gemma3nVisionParams,
  images: tf.Tensor4D,
  config: Gemma3nVisionConfig,
  { features = [] }: { readonly features?: readonly string[] } = {},
): Gemma3nVisionOutput {
  const wanted = [...new Set([...features, 'output'])];
  const vision = mobilenet.forward(params.vision_tower.timm_model, images, config.backbone, { features: wanted });
  return { vision, image_features: embed(vision['output'] as tf.Tensor4D, params.embed_vision, config) };
}
