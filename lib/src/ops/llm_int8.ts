import * as tf from '@tensorflow/tfjs';

/** Splits at 2^13 + 1 (Veltkamp): what stays has the 11 significant bits of a half-precision number. */
const split = 8193;
const smallestNormal = 2 ** -14;
/** Below the normal numbers half precision has steps of this size. */
const subnormalStep = 2 ** -24;

/** Values rounded to half precision, kept as float32; the caller owns the result. */
export function roundedToHalf<T extends tf.Tensor>(x: T): T {
  return tf.tidy(() => {
    const scaled = tf.mul(x, split);
    const normal = tf.sub(scaled, tf.sub(scaled, x));
    const subnormal = tf.mul(tf.round(tf.mul(x, 1 / subnormalStep)), subnormalStep);
    return tf.where(tf.less(tf.abs(x), smallestNormal), subnormal, normal) as T;
  });
}

/** Inputs as LLM.int8 sees them, owned by the caller. */
export interface VectorwiseInt8 {
  /** Whole numbers −127 … 127, `[N, in]`; 0 in outlier columns. */
  readonly codes: tf.Tensor2D;
  /** Largest value of each row without outliers, `[N, 1]`. */
  readonly absmax: tf.Tensor2D;
  /** 1 in columns that hold an outlier, else 0: `[1, in]`. */
  readonly outliers: tf.Tensor2D;
}

/**
 * Quantizes x `[N, in]` by rows, except columns with a value of at least `threshold` (0: none is), as bitsandbytes does
 * on a processor (backends/default/ops.py, int8_vectorwise_quant).
 */
export function vectorwiseInt8(x: tf.Tensor2D, threshold: number): VectorwiseInt8 {
  return tf.tidy((): { [K in keyof VectorwiseInt8]: VectorwiseInt8[K] } => {
    const half = roundedToHalf(x);
    const size = tf.abs(half);
    const isOutlier = tf.cast(threshold > 0 ? tf.greaterEqual(size, threshold) : tf.zerosLike(size), 'float32');
    const outliers = tf.max<tf.Tensor2D>(isOutlier, 0, true);
    const absmax = tf.max<tf.Tensor2D>(tf.mul(size, tf.sub(1, isOutlier)), 1, true);
    const codes = tf.round(tf.mul(half, tf.mul(tf.divNoNan(1, absmax), 127)));
    return { codes: tf.mul<tf.Tensor2D>(codes, tf.sub(1, outliers)), absmax, outliers };
  });
}

/** bitsandbytes' 1/127² over its 1/127. */
const perCode = 6.200124e-5 / 7.874016e-3;

/**
 * x `[N, in]` as LLM.int8 multiplies it with dequantized weights: 8-bit values beside the untouched outlier columns. The
 * one product with these numbers is the sum of bitsandbytes' integer and outlier products (Dettmers et al. 2022).
 */
export function llmInt8Input(x: tf.Tensor2D, threshold: number): tf.Tensor2D {
  return tf.tidy(() => {
    const { codes, absmax, outliers } = vectorwiseInt8(x, threshold);
    return tf.add<tf.Tensor2D>(tf.mul(codes, tf.mul(absmax, perCode)), tf.mul(x, outliers));
  });
}
