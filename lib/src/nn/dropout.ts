import * as tf from '@tensorflow/tfjs';
import { statelessUniform } from '../engine/stateless_random.js';

/** Where the dropout masks of one training step come from: a seed tensor (int32 `[2]`) and the layer's own number. */
export interface DropoutKey {
  readonly seed: tf.Tensor1D;
  /** Counts the layers of a forward pass, so that each draws its own mask. */
  next(): number;
}

/** A key for one forward pass; the seed tensor stays the caller's. */
export function dropoutKey(seed: tf.Tensor1D): DropoutKey {
  let layer = 0;
  return { seed, next: () => layer++ };
}

/** Inverted dropout: zeroes a share `rate` of x and scales the rest by 1/(1 − rate); without a key x itself. */
export function dropout<T extends tf.Tensor>(x: T, rate: number, key: DropoutKey | undefined): T {
  if (key === undefined || rate === 0) return x;
  const layer = key.next();
  return tf.tidy(() => {
    const seed = tf.add(key.seed, tf.tensor1d([0, layer], 'int32')) as tf.Tensor1D;
    const kept = tf.greaterEqual(statelessUniform(x.shape, seed), rate);
    return tf.mul(x, tf.mul(tf.cast(kept, 'float32'), 1 / (1 - rate))) as T;
  });
}
