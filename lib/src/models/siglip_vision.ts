import * as tf from '@tensorflow/tfjs';
import { BadInput } from '../host/errors.js';
import { activation } from '../nn/activation.js';
import { conv2d } from '../nn/conv2d.js';
import type { DropoutKey } from '../nn/dropout.js';
import { denseValue, linear } from '../nn/linear.js';
import { layerNorm } from '../nn/norm.js';
import { multiHeadAttention } from '../ops/attention.js';
import { resize } from '../ops/resize.js';
import { constant, normal, xavierUniform } from '../tree/init.js';
import { param, sizeOf, type Initializer, type ParamsOf } from '../tree/spec.js';
import { FeatureCollector, type FeatureMap } from './features.js';
import { patchGrid, type SiglipVisionConfig } from './siglip_vision_config.js';

/** An entry that every SigLIP vision tower has: where its prefix in a checkpoint ends. */
export const siglipAnchor = 'embeddings.patch_embedding.weight';

const zeros = constant(0);
const ones = constant(1);

function linearSpec(inputs: number, outputs: number, bias: Initializer = zeros) {
  return { weight: param([outputs, inputs], 'same', xavierUniform), bias: param([outputs], 'same', bias) };
}

function normSpec(width: number) {
  return { weight: param([width], 'same', ones), bias: param([width], 'same', zeros) };
}

function mlpSpec({ hidden_size: D, intermediate_size: I }: SiglipVisionConfig) {
  return { fc1: linearSpec(D, I, normal(1e-6)), fc2: linearSpec(I, D, normal(1e-6)) };
}

function layerSpec(config: SiglipVisionConfig) {
  const D = config.hidden_size;
  return {
    layer_norm1: normSpec(D),
    self_attn: {
      k_proj: linearSpec(D, D),
      v_proj: linearSpec(D, D),
      q_proj: linearSpec(D, D),
      out_proj: linearSpec(D, D),
    },
    layer_norm2: normSpec(D),
    mlp: mlpSpec(config),
  };
}

function headSpec(config: SiglipVisionConfig) {
  const D = config.hidden_size;
  return {
    probe: param([1, 1, D], 'same', xavierUniform),
    attention: {
      in_proj_weight: param([3 * D, D], 'same', xavierUniform),
      in_proj_bias: param([3 * D], 'same', zeros),
      out_proj: linearSpec(D, D),
    },
    layernorm: normSpec(D),
    mlp: mlpSpec(config),
  };
}

/** torch's lecun_normal_: N(0, 1/√fan_in). */
const lecunNormal: Initializer = (key, shape) => normal(1 / Math.sqrt(sizeOf(shape.slice(1))))(key, shape);

/** The parameters of a SigLIP vision tower under the names of SiglipVisionModel (transformers 5, no prefix). */
export function spec(config: SiglipVisionConfig) {
  const { hidden_size: D, patch_size: p, num_channels: channels, image_size: size } = config;
  const side = Math.floor(size / p);
  return {
    embeddings: {
      patch_embedding: {
        weight: param([D, channels, p, p], 'conv', lecunNormal),
        bias: param([D], 'same', zeros),
      },
      position_embedding: { weight: param([side * side, D], 'same', normal(1 / Math.sqrt(D))) },
    },
    encoder: { layers: Array.from({ length: config.num_hidden_layers }, () => layerSpec(config)) },
    post_layernorm: normSpec(D),
    head: config.vision_use_head ? headSpec(config) : undefined,
  };
}

export type SiglipVisionParams = ParamsOf<ReturnType<typeof spec>>;
type LayerParams = ParamsOf<ReturnType<typeof layerSpec>>;
type HeadParams = ParamsOf<ReturnType<typeof headSpec>>;
type LinearParams = ParamsOf<ReturnType<typeof linearSpec>>;
type MlpParams = ParamsOf<ReturnType<typeof mlpSpec>>;

export interface SiglipVisionOptions {
  /** Names of the wanted features; every one without it. Layers above the last wanted one are not computed. */
  readonly features?: readonly string[] | undefined;
  /** Fits the position table to images of another size by bicubic interpolation. */
  readonly interpolatePosEncoding?: boolean;
  /** Given while training: turns on the dropout of LoRA leaves. */
  readonly dropoutKey?: DropoutKey | undefined;
}

interface Context extends SiglipVisionOptions {
  readonly config: SiglipVisionConfig;
}

function apply<T extends tf.Tensor>(x: T, { weight, bias }: LinearParams, { dropoutKey }: Context): T {
  return linear(x, weight, { bias, dropoutKey });
}

function mlp<T extends tf.Tensor>(x: T, { fc1, fc2 }: MlpParams, context: Context): T {
  return apply(activation(apply(x, fc1, context), context.config.hidden_act), fc2, context);
}

/** The position table `[1, N, D]`, fitted to the grid where that is wanted and differs from the table's own. */
function positions(params: SiglipVisionParams, grid: readonly [number, number], context: Context): tf.Tensor3D {
  const { config, interpolatePosEncoding } = context;
  const side = Math.floor(config.image_size / config.patch_size);
  const table = denseValue<tf.Tensor2D>(params.embeddings.position_embedding.weight);
  if (grid[0] === side && grid[1] === side) return tf.reshape(table, [1, side * side, config.hidden_size]);
  if (interpolatePosEncoding !== true) {
    throw new BadInput({
      where: 'image for the SigLIP vision tower',
      expected: `${side}×${side} patches`,
      got: `${grid[0]}×${grid[1]}`,
      fix: `resize it to ${config.image_size} px or turn on interpolation of the position table`,
    });
  }
  const map = resize(tf.reshape(table, [1, side, side, config.hidden_size]), grid, 'bicubic');
  return tf.reshape(map, [1, grid[0] * grid[1], config.hidden_size]);
}

function patches(pixels: tf.Tensor4D, params: SiglipVisionParams, { config }: Context): tf.Tensor3D {
  const { weight, bias } = params.embeddings.patch_embedding;
  const map = conv2d(pixels, weight, { stride: config.patch_size, pad: 'valid', bias });
  return tf.reshape(map, [map.shape[0], map.shape[1] * map.shape[2], config.hidden_size]);
}

function encoderLayer(x: tf.Tensor3D, params: LayerParams, context: Context): tf.Tensor3D {
  const { config } = context;
  const { q_proj, k_proj, v_proj, out_proj } = params.self_attn;
  const attended = tf.tidy(() => {
    const y = layerNorm(x, params.layer_norm1, config.layer_norm_eps);
    const [q, k, v] = [apply(y, q_proj, context), apply(y, k_proj, context), apply(y, v_proj, context)];
    return tf.add(x, apply(multiHeadAttention(q, k, v, config.num_attention_heads), out_proj, context));
  }) as tf.Tensor3D;
  return tf.add(attended, mlp(layerNorm(attended, params.layer_norm2, config.layer_norm_eps), params.mlp, context));
}

/**
 * Pooling by attention of a learned probe over the tokens (torch.nn.MultiheadAttention, no residual to the probe):
 * x `[B, N, D]`, result `[B, D]`. The stacked projection is applied to probe and tokens at once.
 */
function poolingHead(x: tf.Tensor3D, params: HeadParams, context: Context): tf.Tensor2D {
  const { config } = context;
  const [B, N, D] = x.shape;
  const { in_proj_weight: weight, in_proj_bias: bias, out_proj } = params.attention;
  const probe = tf.tile(denseValue<tf.Tensor3D>(params.probe), [B, 1, 1]);
  const projected = linear(tf.concat([probe, x], 1), weight, { bias });
  const q = tf.slice(projected, [0, 0, 0], [B, 1, D]);
  const k = tf.slice(projected, [0, 1, D], [B, N, D]);
  const v = tf.slice(projected, [0, 1, 2 * D], [B, N, D]);
  const pooled = apply(multiHeadAttention(q, k, v, config.num_attention_heads), out_proj, context);
  const y = tf.add(pooled, mlp(layerNorm(pooled, params.layernorm, config.layer_norm_eps), params.mlp, context));
  return tf.reshape(y, [B, D]);
}

/**
 * SigLIP vision tower (Zhai et al. 2023, arXiv:2303.15343; transformers/models/siglip/modeling_siglip.py) on images
 * `[B, H, W, C]` as the processor leaves them (values −1 … 1). The features, owned by the caller: `position_embedding`
 * `[1, N, D]`, `hidden_states.0` (embeddings) … `hidden_states.L` (output of layer L, before the last norm) and
 * `last_hidden_state` `[B, N, D]`, tokens row-major, and `pooler_output` `[B, D]` where the tower has a head.
 * @throws BadInput when the image does not fit the position table or a wanted feature does not exist.
 */
export function forward(
  params: SiglipVisionParams,
  pixels: tf.Tensor4D,
  config: SiglipVisionConfig,
  options: SiglipVisionOptions = {},
): FeatureMap {
  const context: Context = { ...options, config };
  return tf.tidy(() => {
    const features = new FeatureCollector(options.features);
    const table = tf.tidy(() => positions(params, patchGrid(config, [pixels.shape[1], pixels.shape[2]]), context));
    features.offer('position_embedding', table);
    let x = tf.tidy(() => tf.add(patches(pixels, params, context), table)) as tf.Tensor3D;
    features.release(table);
    features.offer('hidden_states.0', x);
    for (const [i, layer] of params.encoder.layers.entries()) {
      if (features.complete) return features.result();
      const before = x;
      x = tf.tidy(() => encoderLayer(before, layer, context));
      features.release(before);
      features.offer(`hidden_states.${i + 1}`, x);
    }
    if (features.complete) return features.result();
    const last = layerNorm(x, params.post_layernorm, config.layer_norm_eps);
    features.release(x);
    features.offer('last_hidden_state', last);
    const { head } = params;
    if (head !== undefined && !features.complete) {
      features.offer(
        'pooler_output',
        tf.tidy(() => poolingHead(last, head, context)),
      );
    }
    features.release(last);
    return features.result();
  });
}
