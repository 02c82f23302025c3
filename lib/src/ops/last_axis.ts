import * as tf from '@tensorflow/tfjs';

/** The gradient of a vector `[C]` that was broadcast over `[…, C]`: the sum over all axes but the last. */
export function sumToLastAxis(gradient: tf.Tensor): tf.Tensor1D {
  const channels = gradient.shape[gradient.rank - 1] as number;
  return tf.sum(tf.reshape(gradient, [-1, channels]), 0);
}

/** Throws unless a vector has the size of the last axis of x; `what` names the operation and the vector. */
export function checkLastAxis(x: tf.Tensor, vector: tf.Tensor, what: string): void {
  const channels = x.shape[x.rank - 1];
  if (vector.rank !== 1 || vector.shape[0] !== channels) {
    throw new Error(
      `${what}: expected shape [${channels}] for x [${x.shape.join(', ')}], got [${vector.shape.join(', ')}]`,
    );
  }
}
