import * as tf from '@tensorflow/tfjs';
import { hasNativeOp, nativeOp } from '../engine/native_op.js';
import { isTrainable } from '../tree/leaf.js';
import { checkLastAxis, sumToLastAxis } from './last_axis.js';

/** One number a row each; r = rsqrt(variance + eps). */
interface Statistics {
  readonly mean: tf.Tensor;
  readonly r: tf.Tensor;
}

/** What the gradient needs of a forward pass. */
interface Saved extends Statistics {
  readonly x: tf.Tensor;
  readonly weight: tf.Tensor1D;
}

interface Wanted {
  readonly weight: boolean;
  readonly bias: boolean;
}

/** y = (x − mean)·r·w + b, and its gradients: of x and of the wanted ones of w and b, in this order. */
interface Kernel {
  forward(x: tf.Tensor, weight: tf.Tensor1D, bias: tf.Tensor1D, eps: number): Statistics & { readonly y: tf.Tensor };
  backward(dy: tf.Tensor, saved: Saved, wanted: Wanted): tf.Tensor[];
}

const composed: Kernel = {
  forward(x, weight, bias, eps) {
    const mean = tf.mean(x, -1, true);
    const centred = tf.sub(x, mean);
    const r = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), eps));
    return { y: tf.add(tf.mul(tf.mul(centred, r), weight), bias), mean, r };
  },
  backward(dy, { x, mean, r, weight }, wanted) {
    return tf.tidy(() => {
      const unit = tf.mul(tf.sub(x, mean), r);
      const dUnit = tf.mul(dy, weight);
      const projection = tf.mul(unit, tf.mean(tf.mul(dUnit, unit), -1, true));
      const dx = tf.mul(tf.sub(tf.sub(dUnit, tf.mean(dUnit, -1, true)), projection), r);
      return [
        dx,
        ...(wanted.weight ? [sumToLastAxis(tf.mul(dy, unit))] : []),
        ...(wanted.bias ? [sumToLastAxis(dy)] : []),
      ];
    });
  },
};

/** lib/native/norm_ops.cc. */
const fused: Kernel = {
  forward(x, weight, bias, eps) {
    const outputs = nativeOp('NcoreLayerNorm', { epsilon: { float: eps } }, [x, weight, bias], 3);
    const [y, mean, r] = outputs as [tf.Tensor, tf.Tensor, tf.Tensor];
    return { y, mean, r };
  },
  backward(dy, { x, mean, r, weight }, wanted) {
    return tf.tidy(() => {
      const attributes = { weight_gradient: { bool: wanted.weight }, bias_gradient: { bool: wanted.bias } };
      const gradients = nativeOp('NcoreLayerNormGrad', attributes, [dy, x, weight, mean, r], 3);
      return gradients.filter((_, i) => i === 0 || (i === 1 ? wanted.weight : wanted.bias));
    });
  },
};

/**
 * Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450; biased variance, as PyTorch):
 * (x − mean)·rsqrt(var + eps)·w + b; x `[…, C]`, weight and bias `[C]`, result `[…, C]`, owned by the caller.
 * Weight and bias get gradients when they are variables. The gradient keeps x and two numbers a row.
 */
export function layerNorm<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, bias: tf.Tensor1D, eps: number): T {
  checkLastAxis(x, weight, 'layerNorm weight');
  checkLastAxis(x, bias, 'layerNorm bias');
  const kernel = hasNativeOp('NcoreLayerNorm') ? fused : composed;
  const wanted = { weight: isTrainable(weight), bias: isTrainable(bias) };
  const op = tf.customGrad((...args) => {
    const [input, save] = [args[0] as tf.Tensor, args[args.length - 1] as tf.GradSaveFunc];
    const { y, mean, r } = kernel.forward(input, weight, bias, eps);
    save([input, mean, r, weight]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [savedX, savedMean, savedR, savedWeight] = saved as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor1D];
        return kernel.backward(dy, { x: savedX, mean: savedMean, r: savedR, weight: savedWeight }, wanted);
      },
    };
  });
  return op(x, ...(wanted.weight ? [weight] : []), ...(wanted.bias ? [bias] : [])) as T;
}
