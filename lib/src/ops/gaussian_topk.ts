import * as tf from '@tensorflow/tfjs';

/** The standard normal's density. */
function density(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/** The standard normal's distribution function by Marsaglia's series (2004, J. Stat. Softw. 11(4)). */
function distribution(x: number): number {
  let [sum, term] = [x, x];
  for (let i = 3; Math.abs(term) > 1e-17 * Math.abs(sum); i += 2) {
    term *= (x * x) / i;
    sum += term;
  }
  return 0.5 + sum * density(x);
}

/** The standard normal's quantile at 0 < p < 1 by Newton's method, which from the median converges from one side. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new Error(`normalQuantile: expected p between 0 and 1, got ${p}`);
  if (p < 0.5) return -normalQuantile(1 - p);
  let x = 0;
  for (let step = Infinity; step > 1e-12;) {
    step = (p - distribution(x)) / density(x);
    x += step;
  }
  return x;
}

/**
 * What of x stands above the quantile `sparsity` (between 0 and 1) of a normal distribution with the mean and standard
 * deviation of x over its last axis, by how much it does, and 0 elsewhere (Spark Transformer, arXiv:2506.06644; Gemma 3n's
 * activation sparsity); x `[…, C]`, result `[…, C]`, owned by the caller.
 */
export function gaussianTopK<T extends tf.Tensor>(x: T, sparsity: number): T {
  return tf.tidy(() => {
    const { mean, variance } = tf.moments(x, -1, true);
    const cutoff = tf.add(mean, tf.mul(tf.sqrt(variance), normalQuantile(sparsity)));
    return tf.relu(tf.sub(x, cutoff));
  }) as T;
}
