import * as tf from '@tensorflow/tfjs';
import { padSpatial, symmetricPadding } from '../ops/pad.js';
import { dense, isTrainable, shapeOf, type Leaf } from '../tree/leaf.js';
import { denseValue, linear, vector, type LinearOptions } from './linear.js';
import { loraProduct } from './lora.js';

/** TensorFlow's SAME (timm's Conv2dSame), PyTorch's padding by the kernel's half, or none. */
export type Padding = 'same' | 'symmetric' | 'valid';

export interface Conv2dOptions extends LinearOptions {
  readonly stride?: number;
  readonly pad?: Padding;
}

type Kernel = tf.Tensor4D;
type NativePadding = 'same' | 'valid';

/** The input and the padding that remains for TensorFlow, which has no symmetric one. */
function padded(x: tf.Tensor4D, leaf: Leaf, stride: number, pad: Padding): { x: tf.Tensor4D; pad: NativePadding } {
  if (pad !== 'symmetric') return { x, pad };
  const [height = 1, width = 1] = shapeOf(leaf);
  return { x: padSpatial(x, symmetricPadding(height, stride), symmetricPadding(width, stride)), pad: 'valid' };
}

function denseConv(x: tf.Tensor4D, kernel: Kernel, stride: number, pad: NativePadding): tf.Tensor4D {
  if (isTrainable(kernel)) return tf.conv2d(x, kernel, stride, pad);
  return tf.customGrad((input) => ({
    value: tf.conv2d(input as tf.Tensor4D, kernel, stride, pad),
    gradFunc: (dy: tf.Tensor) => tf.conv2dTranspose(dy as tf.Tensor4D, kernel, x.shape, stride, pad),
  }))(x) as tf.Tensor4D;
}

function convLeaf(
  x: tf.Tensor4D,
  weight: Leaf,
  stride: number,
  pad: NativePadding,
  { dropoutKey }: LinearOptions = {},
): tf.Tensor4D {
  if (weight.kind !== 'lora') return denseConv(x, denseValue<Kernel>(weight), stride, pad);
  return loraProduct(
    x,
    weight,
    dropoutKey,
    (input) => convLeaf(input, weight.base, stride, pad),
    (input) => linear(denseConv(input, weight.A as Kernel, stride, pad), dense(weight.B)),
  );
}

/**
 * k×k convolution; x `[B, H, W, C]`, weight HWIO, result `[B, H', W', out]`, owned by the caller. A LoRA leaf adds B(A(x))
 * where A is a convolution like the base's and B a 1×1 one (peft/tuners/lora/layer.py, Conv2d).
 */
export function conv2d(x: tf.Tensor4D, weight: Leaf, options: Conv2dOptions = {}): tf.Tensor4D {
  const { stride = 1, pad = 'same', bias } = options;
  return tf.tidy(() => {
    const input = padded(x, weight, stride, pad);
    const y = convLeaf(input.x, weight, stride, input.pad, options);
    return bias === undefined ? y : tf.add(y, vector(bias));
  });
}

/** 1×1 convolution of stride 1, which is a linear layer over the channels; weight `[out, in]`. */
export function conv1x1(x: tf.Tensor4D, weight: Leaf, options: LinearOptions = {}): tf.Tensor4D {
  return linear(x, weight, options);
}

/** tf.depthwiseConv2d whose tape does not keep x, which only the gradient of the kernel needs. */
function frozenDepthwise(x: tf.Tensor4D, filter: Kernel, stride: number, pad: NativePadding): tf.Tensor4D {
  const strides: [number, number] = [stride, stride];
  return tf.customGrad((input) => ({
    value: tf.depthwiseConv2d(input as tf.Tensor4D, filter, strides, pad),
    gradFunc: (dy: tf.Tensor) =>
      tf
        .engine()
        .runKernel(
          tf.DepthwiseConv2dNativeBackpropInput,
          { dy, filter },
          { strides, pad, dilations: [1, 1], inputShape: x.shape },
        ) as tf.Tensor,
  }))(x) as tf.Tensor4D;
}

/** Depthwise k×k convolution; x `[B, H, W, C]`, weight `[kh, kw, C, 1]`, result owned by the caller. */
export function depthwiseConv2d(x: tf.Tensor4D, weight: Leaf, options: Conv2dOptions = {}): tf.Tensor4D {
  const { stride = 1, pad = 'same' } = options;
  const filter = denseValue<Kernel>(weight);
  return tf.tidy(() => {
    const input = padded(x, weight, stride, pad);
    if (isTrainable(filter)) return tf.depthwiseConv2d(input.x, filter, stride, input.pad);
    return frozenDepthwise(input.x, filter, stride, input.pad);
  });
}
