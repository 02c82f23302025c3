import * as tf from '@tensorflow/tfjs';
import { isTrainable } from '../tree/leaf.js';
import { checkLastAxis, sumToLastAxis } from './last_axis.js';

interface Statistics {
  /** `[…, 1]`. */
  readonly mean: tf.Tensor;
  /** rsqrt(variance + eps), `[…, 1]`. */
  readonly r: tf.Tensor;
}

function forward(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, eps: number): Statistics & { y: tf.Tensor } {
  const mean = tf.mean(x, -1, true);
  const centred = tf.sub(x, mean);
  const r = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps));
  return { y: tf.add(tf.mul(tf.mul(centred, r), weight), bias), mean, r };
}

/** Gradients of x and of the wanted ones of weight and bias, in this order. */
function backward(
  dy: tf.Tensor,
  x: tf.Tensor,
  { mean, r }: Statistics,
  weight: tf.Tensor,
  want: { readonly weight: boolean; readonly bias: boolean },
): tf.Tensor[] {
  return tf.tidy(() => {
    const unit = tf.mul(tf.sub(x, mean), r);
    const dUnit = tf.mul(dy, weight);
    const projection = tf.mul(unit, tf.mean(tf.mul(dUnit, unit), -1, true));
    const gradients: tf.Tensor[] = [tf.mul(tf.sub(tf.sub(dUnit, tf.mean(dUnit, -1, true)), projection), r)];
    if (want.weight) gradients.push(sumToLastAxis(tf.mul(dy, unit)));
    if (want.bias) gradients.push(sumToLastAxis(dy));
    return gradients;
  });
}

/**
 * Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450; biased variance, as PyTorch):
 * (x − mean)·rsqrt(var + eps)·w + b; x `[…, C]`, weight and bias `[C]`, result `[…, C]`, owned by the caller.
 * Weight and bias get gradients when they are variables. The gradient keeps x and two numbers a row.
 */
export function layerNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, bias: tf.Tensor1D, eps: number): T {
  checkLastAxis(x, weight, 'layerNorm weight');
  checkLastAxis(x, bias, 'layerNorm bias');
  const want = { weight: isTrainable(weight), bias: isTrainable(bias) };
  const op = tf.customGrad((...args) => {
    const [input, save] = [args[0] as tf.Tensor, args[args.length - 1] as tf.GradSaveFunc];
    const { y, mean, r } = forward(input, weight, bias, eps);
    save([input, mean, r]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [savedX, savedMean, savedR] = saved as [tf.Tensor, tf.Tensor, tf.Tensor];
        return backward(dy, savedX, { mean: savedMean, r: savedR }, weight, want);
      },
    };
  });
  return op(x, ...(want.weight ? [weight] : []), ...(want.bias ? [bias] : [])) as T;
}
