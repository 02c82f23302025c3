import * as tf from '@tensorflow/tfjs';
import { isTrainable, type Leaf } from '../tree/leaf.js';
import { vector } from './linear.js';

/**
 * y = gamma · x per channel; x `[…, C]`, gamma `[C]`, result owned by the caller. With a frozen gamma the tape does not
 * keep x. Touvron et al. 2021, arXiv:2103.17239.
 */
export function layerScale<T extends tf.Tensor>(x: T, gamma: Leaf): T {
  const scale = vector(gamma);
  if (isTrainable(scale)) return tf.mul(x, scale);
  return tf.customGrad((input) => ({
    value: tf.mul(input as T, scale),
    gradFunc: (dy: tf.Tensor) => tf.mul(dy, scale),
  }))(x) as T;
}
