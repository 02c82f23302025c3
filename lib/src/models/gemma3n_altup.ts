import * as tf from '@tensorflow/tfjs';
import { linear, vector } from '../nn/linear.js';
import { rmsNorm } from '../nn/norm.js';
import { constant, normal } from '../tree/init.js';
import type { Leaf } from '../tree/leaf.js';
import { param, type ParamsOf } from '../tree/spec.js';
import type { Gemma3nTextConfig } from './gemma3n_text_config.js';

/** The parameters of AltUp around one layer (Gemma3nTextAltUp). */
export function altupSpec({ hidden_size: D, altup_num_inputs: A }: Gemma3nTextConfig) {
  const weight = (...shape: number[]) => ({ weight: param(shape, 'same', normal(0.02)) });
  return {
    correct_output_scale: param([D], 'same', constant(0)),
    correction_coefs: weight(A, A),
    prediction_coefs: weight(A * A, A),
    modality_router: weight(A, D),
    router_norm: { weight: param([D], 'same', constant(1)) },
  };
}

export type AltupParams = ParamsOf<ReturnType<typeof altupSpec>>;

/** One of the A versions of each token, `[T, D]` of `[T, A, D]`. */
export function version(stack: tf.Tensor3D, a: number): tf.Tensor2D {
  const [T, , D] = stack.shape;
  return tf.reshape(tf.slice(stack, [0, a, 0], [T, 1, D]), [T, D]);
}

/** How each token is routed, −1 … 1; x `[T, D]`, result `[T, A]`. */
function modalities(x: tf.Tensor2D, params: AltupParams, config: Gemma3nTextConfig): tf.Tensor2D {
  const normed = rmsNorm(x, params.router_norm.weight, config.rms_norm_eps);
  return tf.tanh(linear(tf.mul(normed, 1 / config.hidden_size) as tf.Tensor2D, params.modality_router.weight));
}

/**
 * Alternating updates (Baykal et al. 2023, arXiv:2301.13310), before a layer: every version of a token plus a mix of all,
 * by coefficients from the active one; versions `[T, A, D]`, result the same, owned by the caller.
 */
export function predict(versions: tf.Tensor3D, params: AltupParams, config: Gemma3nTextConfig): tf.Tensor3D {
  const { altup_num_inputs: A, altup_active_idx: active } = config;
  return tf.tidy(() => {
    const routed = modalities(version(versions, active), params, config);
    const coefs = tf.reshape(linear(routed, params.prediction_coefs.weight), [-1, A, A]) as tf.Tensor3D;
    return tf.add(tf.matMul(coefs, versions), versions);
  });
}

/**
 * After the layer: every predicted version moved by what the layer made of the active one against its prediction;
 * predictions `[T, A, D]`, activated `[T, D]`, result `[T, A, D]`, owned by the caller. transformers clips coefficients
 * (`altup_coef_clip`) while it trains; nothing is clipped here.
 */
export function correct(
  predictions: tf.Tensor3D,
  activated: tf.Tensor2D,
  params: AltupParams,
  config: Gemma3nTextConfig,
): tf.Tensor3D {
  return tf.tidy(() => {
    const innovation = tf.sub(activated, version(predictions, config.altup_active_idx));
    const coefs = tf.add(linear(modalities(activated, params, config), params.correction_coefs.weight), 1);
    return tf.add(predictions, tf.mul(tf.expandDims(coefs, 2), tf.expandDims(innovation, 1)));
  });
}

/** The active version as the per-layer embedding is multiplied by it, `[T, D]`. */
export function activeOutput(corrected: tf.Tensor3D, params: AltupParams, config: Gemma3nTextConfig): tf.Tensor2D {
  const active = version(corrected, config.altup_active_idx);
  return config.altup_correct_scale ? tf.mul(active, vector(params.correct_output_scale)) : active;
}

/** x with each token's root mean square as that of `like`; both `[T, D]`. */
function rescaled(x: tf.Tensor2D, like: tf.Tensor2D): tf.Tensor2D {
  const meanSquare = (y: tf.Tensor2D): tf.Tensor => tf.mean(tf.square(y), -1, true);
  return tf.mul(x, tf.div(tf.sqrt(meanSquare(like)), tf.sqrt(tf.maximum(meanSquare(x), 1e-5))));
}

/** The A versions of embedded tokens `[T, D]` that enter the first layer, `[T, A, D]`, owned by the caller. */
export function expand(x: tf.Tensor2D, projections: readonly { readonly weight: Leaf }[]): tf.Tensor3D {
  return tf.tidy(() =>
    tf.stack([x, ...projections.map(({ weight }) => rescaled(linear(x, weight), x))], 1),
  ) as tf.Tensor3D;
}

/** The mean of the A versions `[T, A, D]` after the last layer, brought to the size of the first; `[T, D]`. */
export function collapse(versions: tf.Tensor3D, projections: readonly { readonly weight: Leaf }[]): tf.Tensor2D {
  return tf.tidy(() => {
    const first = version(versions, 0);
    const others = projections.map(({ weight }, i) => rescaled(linear(version(versions, i + 1), weight), first));
    return tf.mean(tf.stack([first, ...others]), 0);
  });
}
