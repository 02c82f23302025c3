import * as tf from '@tensorflow/tfjs';
import { hasNativeOp, nativeOp } from '../engine/native_op.js';
import { isTrainable } from '../tree/leaf.js';
import { geluSlope, geluValue } from './gelu.js';
import { checkLastAxis, sumToLastAxis } from './last_axis.js';

interface Options {
  readonly epsilon: number;
  /** Whether a tanh GELU follows. */
  readonly gelu: boolean;
}

/** What the gradient needs of a forward pass; r is one number a row. */
interface Saved {
  readonly x: tf.Tensor;
  readonly r: tf.Tensor;
  readonly weight: tf.Tensor1D;
}

/** y = act(x·r·w) with r = rsqrt(mean(x², last axis) + epsilon), and its gradients: of x and, when wanted, of w. */
interface Kernel {
  forward(x: tf.Tensor, weight: tf.Tensor1D, options: Options): { readonly y: tf.Tensor; readonly r: tf.Tensor };
  backward(dy: tf.Tensor, saved: Saved, wantWeight: boolean, options: Options): tf.Tensor[];
}

const composed: Kernel = {
  forward(x, weight, { epsilon, gelu }) {
    const r = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
    const normed = tf.mul(tf.mul(x, r), weight);
    return { y: gelu ? geluValue(normed, 'tanh') : normed, r };
  },
  backward(dy, { x, r, weight }, wantWeight, { gelu }) {
    return tf.tidy(() => {
      const unit = tf.mul(x, r);
      const dNormed = gelu ? tf.mul(dy, geluSlope(tf.mul(unit, weight), 'tanh')) : dy;
      const dUnit = tf.mul(dNormed, weight);
      const projection = tf.mean(tf.mul(dUnit, unit), -1, true);
      const dx = tf.mul(tf.sub(dUnit, tf.mul(unit, projection)), r);
      return wantWeight ? [dx, sumToLastAxis(tf.mul(dNormed, unit))] : [dx];
    });
  },
};

/** lib/native/norm_ops.cc. */
const fused: Kernel = {
  forward(x, weight, { epsilon, gelu }) {
    const attributes = { epsilon: { float: epsilon }, gelu: { bool: gelu } };
    const [y, r] = nativeOp('NcoreRmsNorm', attributes, [x, weight], 2) as [tf.Tensor, tf.Tensor];
    return { y, r };
  },
  backward(dy, { x, r, weight }, wantWeight, { gelu }) {
    return tf.tidy(() => {
      const attributes = { gelu: { bool: gelu }, weight_gradient: { bool: wantWeight } };
      const gradients = nativeOp('NcoreRmsNormGrad', attributes, [dy, x, weight, r], 2);
      return wantWeight ? gradients : gradients.slice(0, 1);
    });
  },
};

function apply<T extends tf.Tensor>(x: T, weight: tf.Tensor1D, options: Options): T {
  checkLastAxis(x, weight, 'rmsNorm weight');
  const kernel = hasNativeOp('NcoreRmsNorm') ? fused : composed;
  const trained = isTrainable(weight);
  const op = tf.customGrad((...args) => {
    const [input, save] = [args[0] as tf.Tensor, args[args.length - 1] as tf.GradSaveFunc];
    const { y, r } = kernel.forward(input, weight, options);
    save([input, r, weight]);
    return {
      value: y,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [savedX, savedR, savedWeight] = saved as [tf.Tensor, tf.Tensor, tf.Tensor1D];
        return kernel.backward(dy, { x: savedX, r: savedR, weight: savedWeight }, trained, options);
      },
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
