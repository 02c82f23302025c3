import * as tf from '@tensorflow/tfjs';

/** Cosines and sines of the angles of N positions, each `[1, N, 1, d]`. */
export interface RotaryTable {
  readonly cos: tf.Tensor4D;
  readonly sin: tf.Tensor4D;
}

/**
 * The angles of positions 0 … N−1 with d / 2 frequencies theta^(−2i/d), rounded to float32 as transformers computes them;
 * the caller owns the tensors.
 */
export function rotaryTable(N: number, d: number, theta: number): RotaryTable {
  const half = d / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) => 1 / Math.fround(theta ** Math.fround((2 * i) / d)));
  const angle = (i: number): number => Math.fround(Math.floor(i / d) * (frequencies[(i % d) % half] as number));
  const table = (f: (angle: number) => number): tf.Tensor4D =>
    tf.tensor4d(
      Float32Array.from({ length: N * d }, (_, i) => f(angle(i))),
      [1, N, 1, d],
    );
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/**
 * Rotary position embedding (Su et al. 2021, arXiv:2104.09864) with the pairs (i, i + d/2), as in GPT-NeoX and Gemma: x
 * `[B, N, h, d]`, result the same, owned by the caller.
 */
export function rotary(x: tf.Tensor4D, { cos, sin }: RotaryTable): tf.Tensor4D {
  return tf.tidy(() => {
    const [first, second] = tf.split(x, 2, -1) as [tf.Tensor4D, tf.Tensor4D];
    const turned = tf.concat([tf.neg(second), first], -1);
    return tf.add(tf.mul(x, cos), tf.mul(turned, sin));
  });
}
