import * as tf from '@tensorflow/tfjs';
import { linear } from '../nn/linear.js';
import { constant, xavierUniform } from '../tree/init.js';
import { param, type ParamsOf } from '../tree/spec.js';

/** A linear head, needed for training alone. */
export function headSpec(inputs: number, outputs: number) {
  return { weight: param([outputs, inputs], 'same', xavierUniform), bias: param([outputs], 'same', constant(0)) };
}

type HeadParams = ParamsOf<ReturnType<typeof headSpec>>;

/** x `[…, inputs]` to `[…, outputs]`, owned by the caller. */
export function head<T extends tf.Tensor>(x: T, { weight, bias }: HeadParams): T {
  return linear(x, weight, { bias });
}

/** Grey images `[B, H, W, 1]` (0 … 255) in three channels as x · scale + shift, owned by the caller. */
export function pixels(images: tf.Tensor4D, scale: number, shift: number): tf.Tensor4D {
  return tf.tidy(() => tf.tile(tf.add(tf.mul(images, scale), shift), [1, 1, 1, 3]) as tf.Tensor4D);
}

/** Mean cross-entropy of logits against shares that sum to 1 over the last axis. */
export function crossEntropy(logits: tf.Tensor, shares: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.neg(tf.mean(tf.sum(tf.mul(shares, tf.logSoftmax(logits)), -1)))) as tf.Scalar;
}

/** Mean squared difference. */
export function squaredError(a: tf.Tensor, b: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.mean(tf.square(tf.sub(a, b)))) as tf.Scalar;
}

/** Mean Euclidean distance of points given as x, y after x, y along the last axis. */
export function meanDistance(a: tf.Tensor, b: tf.Tensor): tf.Scalar {
  return tf.tidy(() => {
    const squares = tf.reshape(tf.square(tf.sub(a, b)), [-1, 2]);
    return tf.mean(tf.sqrt(tf.sum(squares, -1))) as tf.Scalar;
  });
}
