import * as tf from '@tensorflow/tfjs';

/** Scores held at once (128 MB in float32); longer sequences go through in blocks of queries. */
const maximalScores = 2 ** 25;

function attend(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D): tf.Tensor3D {
  return tf.tidy(() => tf.matMul(tf.softmax(tf.matMul(q, k, false, true)), v));
}

/**
 * Scaled dot-product attention softmax(q kᵀ d^-½) v without a mask: q `[G, N, d]`, k `[G, M, d]`, v `[G, M, e]`, result
 * `[G, N, e]`, owned by the caller; G counts independent attentions (batch × heads). Vaswani et al. 2017, arXiv:1706.03762.
 */
export function attention(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, blockScores = maximalScores): tf.Tensor3D {
  const [G, N, d] = q.shape;
  const rows = Math.max(1, Math.floor(blockScores / (G * k.shape[1])));
  return tf.tidy(() => {
    const scaled = tf.mul(q, d ** -0.5) as tf.Tensor3D;
    if (rows >= N) return attend(scaled, k, v);
    const blocks: tf.Tensor3D[] = [];
    for (let begin = 0; begin < N; begin += rows) {
      blocks.push(attend(tf.slice(scaled, [0, begin, 0], [G, Math.min(rows, N - begin), d]), k, v));
    }
    return tf.concat(blocks, 1);
  });
}

/** `[B, N, h·d]` (head-major channels) to `[B·h, N, d]`. */
function splitHeads(x: tf.Tensor3D, heads: number): tf.Tensor3D {
  const [B, N, D] = x.shape;
  return tf.reshape(tf.transpose(tf.reshape(x, [B, N, heads, D / heads]), [0, 2, 1, 3]), [B * heads, N, D / heads]);
}

/**
 * Attention of several heads, each with its own keys and values: q `[B, N, h·d]`, k `[B, M, h·d]`, v `[B, M, h·e]`, result
 * `[B, N, h·e]`, owned by the caller; channels are head-major.
 */
export function multiHeadAttention(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D, heads: number): tf.Tensor3D {
  const [B, N] = q.shape;
  const width = v.shape[2];
  return tf.tidy(() => {
    const y = attention(splitHeads(q, heads), splitHeads(k, heads), splitHeads(v, heads));
    return tf.reshape(tf.transpose(tf.reshape(y, [B, heads, N, width / heads]), [0, 2, 1, 3]), [B, N, width]);
  });
}

/**
 * Attention of several query heads over one shared key and value head (Shazeer 2019, arXiv:1911.02150): q `[B, N, h·d]`,
 * k `[B, M, d]`, v `[B, M, e]`, result `[B, N, h·e]`, owned by the caller. A head of a token is a row of its own: nothing
 * is transposed.
 */
export function multiQueryAttention(q: tf.Tensor3D, k: tf.Tensor3D, v: tf.Tensor3D): tf.Tensor3D {
  const [B, N, D] = q.shape;
  const [, , d] = k.shape;
  const heads = D / d;
  return tf.tidy(() => tf.reshape(attention(tf.reshape(q, [B, N * heads, d]), k, v), [B, N, heads * v.shape[2]]));
}

/**
 * What is added to scores `[…, N, N]` so that a token attends to itself and the ones before it: 0 where it may, −1e9 where
 * not; `[1, 1, N, N]`, or `[B, 1, N, N]` with `padding` (`[B, N]`, 0 for tokens that nobody may attend to), owned by the
 * caller. With a window, a token attends to the last `window` tokens, itself among them.
 */
export function causalMask(N: number, window = N, padding?: tf.Tensor2D): tf.Tensor4D {
  const masked = -1e9;
  return tf.tidy(() => {
    const seen = (query: number, key: number): boolean => key <= query && key > query - window;
    const values = Float32Array.from({ length: N * N }, (_, i) => (seen(Math.floor(i / N), i % N) ? 0 : masked));
    const causal = tf.tensor4d(values, [1, 1, N, N]);
    if (padding === undefined) return causal;
    const absent = tf.reshape(tf.equal(padding, 0), [padding.shape[0], 1, 1, N]);
    return tf.minimum(causal, tf.mul(tf.cast(absent, 'float32'), masked)) as tf.Tensor4D;
  });
}

/**
 * Attention of h query heads in g groups, those of a group over the keys and values they share (Ainslie et al. 2023,
 * arXiv:2305.13245), with scores q kᵀ + mask that are not scaled: q `[B, N, h, d]`, k and v `[B, N, g, d]`, mask
 * `[1 or B, 1, N, N]`, result `[B, N, h·d]`, owned by the caller.
 */
export function groupedQueryAttention(q: tf.Tensor4D, k: tf.Tensor4D, v: tf.Tensor4D, mask: tf.Tensor4D): tf.Tensor3D {
  const [B, N, h, d] = q.shape;
  const g = k.shape[2];
  const headsFirst = (x: tf.Tensor4D): tf.Tensor4D => tf.transpose(x, [0, 2, 1, 3]);
  return tf.tidy(() => {
    // The heads of a group one after the other as rows: `[B, g, (h/g)·N, d]`.
    const rows = tf.reshape(headsFirst(q), [B, g, (h / g) * N, d]);
    const scores = tf.reshape(tf.matMul(rows, headsFirst(k), false, true), [B, h, N, N]);
    const weights = tf.reshape(tf.softmax(tf.add(scores, mask)), [B, g, (h / g) * N, N]);
    const heads = tf.reshape(tf.matMul(weights, headsFirst(v)), [B, h, N, d]) as tf.Tensor4D;
    return tf.reshape(headsFirst(heads), [B, N, h * d]);
  });
}
