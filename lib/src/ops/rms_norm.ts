import * as tf from '@tensorflow/tfjs';
import { isTrainable } from '../tree/leaf.js';
import { geluSlope, geluValue } from './gelu.js';
import { checkLastAxis, sumToLastAxis } from './last_axis.js';

interface Options {
  readonly epsilon: number;
  /** Whether a tanh GELU follows. */
  readonly gelu: boolean;
}

/** y = act(x·r·w) with r = rsqrt(mean(x², last axis) + epsilon); r is `[…, 1]`. */
function forward(x: tf.Tensor, weight: tf.Tensor, { epsilon, gelu }: Options): { y: tf.Tensor; r: tf.Tensor } {
  const r = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
  const normed = tf.mul(tf.mul(x, r), weight);
  return { y: gelu ? geluValue(normed, 'tanh') : normed, r };
}

/** The gradients of x and, when wanted, of the weight. */
function backward(
  dy: tf.Tensor,
  [x, r, weight]: readonly [tf.Tensor, tf.Tensor, tf.Tensor],
  wantWeight: boolean,
  { gelu }: Options,
): tf.Tensor[] {
  return tf.tidy(() => {
    const unit = tf.mul(x, r);
    const dNormed = gelu ? tf.mul(dy, geluSlope(tf.mul(unit, weight), 'tanh')) : dy;
    const dUnit = tf.mul(dNormed, weight);
    const projection = tf.mean(tf.mul(dUnit, unit), -1, true);
    const dx = tf.mul(tf.sub(dUnit, tf.mul(unit, projection)), r);
    return wantWeight ? [dx, sumToLastAxis(tf.mul(dNormed, unit))] : [dx];
  });
}

function apply<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, options: Options): T {
  checkLastAxis(x, weight, 'rmsNorm weight');
  const trained = isTrainable(weight);
  const op = tf.customGrad((...args) => {
    const [input, save] = [args[0] as tf.Tensor, args[args.length - 1] as tf.GradSaveFunc];
    const { y, r } = forward(input, weight, options);
    save([input, r]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) =>
        backward(dy, [saved[0] as tf.Tensor, saved[1] as tf.Tensor, weight], trained, options),
    };
  });
  return (trained ? op(x, weight) : op(x)) as T;
}

/**
 * Root-mean-square normalisation over the last axis (Zhang and Sennrich 2019, arXiv:1910.07467): x·rsqrt(mean x² + eps)·w;
 * x `[…, C]`, weight `[C]` (plain, not 1 + w), result `[…, C]`, owned by the caller. The weight gets a gradient when it
 * is a variable. The gradient keeps x and one number a row.
 */
export function rmsNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, eps: number): T {
  return apply(x, weight, { epsilon: eps, gelu: false });
}

/** {@link rmsNorm} with a tanh GELU right after (timm's RmsNormAct2d), in one operation. */
export function rmsNormGelu<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, eps: number): T {
  return apply(x, weight, { epsilon: eps, gelu: true });
}
