import * as tf from '@tensorflow/tfjs';
import { hasNativeOp, nativeOp } from '../engine/native_op.js';

/** `tanh` is the approximation 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), `erf` the exact x·Φ(x). */
export type GeluKind = 'tanh' | 'erf';

/** 2·√(2/π) and its product with 0.044715: 0.5·(1 + tanh u) is sigmoid(2u), so the tanh form needs fewer passes over x. */
const linearTerm = 1.5957691216057308;
const cubicTerm = 0.07135481282052;

const sqrtHalf = Math.SQRT1_2;
const inverseSqrtTau = 1 / Math.sqrt(2 * Math.PI);

function tanhGate(x: tf.Tensor, squared: tf.Tensor): tf.Tensor {
  return tf.sigmoid(tf.mul(x, tf.add(tf.mul(squared, cubicTerm), linearTerm)));
}

function normalCdf(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(x, sqrtHalf)), 1), 0.5);
}

/** GELU(x) of any shape without a gradient of its own; the caller owns the result. */
export function geluValue(x: tf.Tensor, kind: GeluKind): tf.Tensor {
  return tf.tidy(() => tf.mul(x, kind === 'tanh' ? tanhGate(x, tf.square(x)) : normalCdf(x)));
}

/** dGELU/dx at every value of x, the shape of x; the caller owns the result. */
export function geluSlope(x: tf.Tensor, kind: GeluKind): tf.Tensor {
  return tf.tidy(() => {
    const squared = tf.square(x);
    if (kind === 'erf') {
      const density = tf.mul(tf.exp(tf.mul(squared, -0.5)), inverseSqrtTau);
      return tf.add(normalCdf(x), tf.mul(x, density));
    }
    const gate = tanhGate(x, squared);
    const inner = tf.add(tf.mul(squared, 3 * cubicTerm), linearTerm);
    return tf.add(gate, tf.mul(tf.mul(x, inner), tf.mul(gate, tf.sub(1, gate))));
  });
}

/** lib/native/gelu_ops.cc, where the engine has it. */
function hasFused(kind: GeluKind): boolean {
  return kind === 'tanh' && hasNativeOp('NcoreGelu');
}

function forward(x: tf.Tensor, kind: GeluKind): tf.Tensor {
  return hasFused(kind) ? (nativeOp('NcoreGelu', {}, [x], 1)[0] as tf.Tensor) : geluValue(x, kind);
}

function backward(dy: tf.Tensor, x: tf.Tensor, kind: GeluKind): tf.Tensor {
  if (hasFused(kind)) return nativeOp('NcoreGeluGrad', {}, [dy, x], 1)[0] as tf.Tensor;
  return tf.tidy(() => tf.mul(dy, geluSlope(x, kind)));
}

/**
 * Gaussian error linear unit (Hendrycks and Gimpel 2016, arXiv:1606.08415) of x of any shape; the caller owns the result.
 * Its gradient keeps x alone, where the tape of the composed formula would keep every step.
 */
export function gelu<T extends tf.Tensor>(x: T, kind: GeluKind): T {
  return tf.customGrad((...args) => {
    const [input, save] = args as [tf.Tensor, tf.GradSaveFunc];
    save([input]);
    return {
      value: forward(input, kind),
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => backward(dy, saved[0] as tf.Tensor, kind),
    };
  })(x) as T;
}
