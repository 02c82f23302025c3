import * as tf from '@tensorflow/tfjs';
import { isTrainable, type Leaf } from '../tree/leaf.js';
import { dropout } from './dropout.js';
import { linear, vector, type LinearOptions } from './linear.js';

export interface Conv2dOptions extends LinearOptions {
  readonly stride?: number;
  /** TensorFlow's SAME (timm's Conv2dSame), or none. */
  readonly pad?: 'same' | 'valid';
}

type Kernel = tf.Tensor4D;

function denseConv(x: tf.Tensor4D, kernel: Kernel, stride: number, pad: 'same' | 'valid'): tf.Tensor4D {
  if (isTrainable(kernel)) return tf.conv2d(x, kernel, stride, pad);
  return tf.customGrad((input) => ({
    value: tf.conv2d(input as tf.Tensor4D, kernel, stride, pad),
    gradFunc: (dy: tf.Tensor) => tf.conv2dTranspose(dy as tf.Tensor4D, kernel, x.shape, stride, pad),
  }))(x) as tf.Tensor4D;
}

/**
 * k×k convolution; x `[B, H, W, C]`, weight HWIO, result `[B, H', W', out]`, owned by the caller. A LoRA leaf adds B(A(x))
 * where A is a convolution like the base's and B a 1×1 one (peft/tuners/lora/layer.py, Conv2d).
 */
export function conv2d(x: tf.Tensor4D, weight: Leaf, options: Conv2dOptions = {}): tf.Tensor4D {
  const { stride = 1, pad = 'same', bias, dropoutKey } = options;
  return tf.tidy(() => {
    let y: tf.Tensor4D;
    if (weight.kind === 'lora') {
      const low = denseConv(dropout(x, weight.dropout, dropoutKey), weight.A as Kernel, stride, pad);
      const update = linear(low, { kind: 'dense', value: weight.B });
      y = tf.add(conv2d(x, weight.base, { stride, pad }), tf.mul(update, weight.scale));
    } else {
      y = denseConv(x, weight.value as Kernel, stride, pad);
    }
    return bias === undefined ? y : tf.add(y, vector(bias));
  });
}

/** 1×1 convolution of stride 1, which is a linear layer over the channels; weight `[out, in]`. */
export function conv1x1(x: tf.Tensor4D, weight: Leaf, options: LinearOptions = {}): tf.Tensor4D {
  return linear(x, weight, options);
}

/** Depthwise k×k convolution; x `[B, H, W, C]`, weight `[kh, kw, C, 1]`, result owned by the caller. */
export function depthwiseConv2d(x: tf.Tensor4D, weight: Leaf, options: Conv2dOptions = {}): tf.Tensor4D {
  const { stride = 1, pad = 'same' } = options;
  if (weight.kind !== 'dense') throw new Error(`expected a dense depthwise kernel, got a ${weight.kind} leaf`);
  return tf.depthwiseConv2d(x, weight.value as Kernel, stride, pad);
}
