import type * as tf from '@tensorflow/tfjs';
import * as ops from '../ops/layer_norm.js';
import { rmsNorm as rms, rmsNormGelu } from '../ops/rms_norm.js';
import type { Leaf } from '../tree/leaf.js';
import { activation } from './activation.js';
import { vector } from './linear.js';

/** The parameters of a layer normalisation. */
export interface LayerNormParams {
  readonly weight: Leaf;
  readonly bias: Leaf;
}

/** Layer normalisation over the last axis; x `[…, C]`, result `[…, C]`, owned by the caller. */
export function layerNorm<T extends tf.Tensor>(x: T, { weight, bias }: LayerNormParams, eps: number): T {
  return ops.layerNorm(x, vector(weight), vector(bias), eps);
}

/** Root-mean-square normalisation over the last axis with a plain weight; x `[…, C]`, result owned by the caller. */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: Leaf, eps: number): T {
  return rms(x, vector(weight), eps);
}

/** {@link rmsNorm} followed by an activation. */
export function rmsNormAct<T extends tf.Tensor>(x: T, weight: Leaf, eps: number, act: string): T {
  if (act === 'gelu_tanh') return rmsNormGelu(x, vector(weight), eps);
  return activation(rmsNorm(x, weight, eps), act);
}
