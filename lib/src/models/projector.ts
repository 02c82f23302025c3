import * as tf from '@tensorflow/tfjs';
import { conv1x1 } from '../nn/conv2d.js';
import { adaptiveAvgPool2d } from '../ops/adaptive_avg_pool2d.js';
import { gelu } from '../ops/gelu.js';
import { constant, kaimingUniform } from '../tree/init.js';
import { param, type ParamsOf } from '../tree/spec.js';

/** Brings the student's channels to the teacher's width: one 1×1 convolution, or two with GELU(erf) between. */
export interface ProjectorConfig {
  readonly type: 'linear' | 'mlp';
  /** Channels of the student's feature. */
  readonly in_channels: number;
  /** Width of the teacher's feature, also the hidden width of `mlp`. */
  readonly out_channels: number;
}

function layerSpec(inputs: number, outputs: number) {
  return {
    weight: param([outputs, inputs, 1, 1], 'conv1x1', kaimingUniform),
    bias: param([outputs], 'same', constant(0)),
  };
}

/** The parameters: `weight`, `bias` of a linear projector; `0.*`, `2.*` of an mlp (the places in torch's Sequential). */
export function spec({ type, in_channels: inputs, out_channels: outputs }: ProjectorConfig) {
  return type === 'linear'
    ? layerSpec(inputs, outputs)
    : { '0': layerSpec(inputs, outputs), '2': layerSpec(outputs, outputs) };
}

export type ProjectorParams = ParamsOf<ReturnType<typeof spec>>;

/** x `[B, h, w, in_channels]`, result `[B, h, w, out_channels]`, owned by the caller. */
export function forward(params: ProjectorParams, x: tf.Tensor4D): tf.Tensor4D {
  if (!('0' in params)) return conv1x1(x, params.weight, { bias: params.bias });
  const { '0': first, '2': last } = params;
  return tf.tidy(() => {
    const hidden = gelu(conv1x1(x, first.weight, { bias: first.bias }), 'erf');
    return conv1x1(hidden, last.weight, { bias: last.bias });
  });
}

/**
 * The teacher's tokens `[B, h·w, D]` (row-major over `tokenGrid` [h, w]) averaged over a grid: `[B, grid[0], grid[1], D]`,
 * owned by the caller.
 */
export function pooledTeacherGrid(
  tokens: tf.Tensor3D,
  tokenGrid: readonly [number, number],
  grid: readonly [number, number],
): tf.Tensor4D {
  const [B, , D] = tokens.shape;
  return tf.tidy(() => adaptiveAvgPool2d(tf.reshape(tokens, [B, ...tokenGrid, D]), grid));
}
