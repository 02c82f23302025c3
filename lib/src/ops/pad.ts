import * as tf from '@tensorflow/tfjs';

/** PyTorch's symmetric padding of a k×k convolution, floor(((stride − 1) + (k − 1)) / 2) (timm/layers/padding.py get_padding). */
export function symmetricPadding(kernel: number, stride: number): number {
  return Math.floor((stride - 1 + kernel - 1) / 2);
}

/** Zeros around height and width of x `[B, H, W, C]`: `[B, H+2h, W+2w, C]`; x itself where nothing is added. */
export function padSpatial(x: tf.Tensor4D, height: number, width: number): tf.Tensor4D {
  if (height === 0 && width === 0) return x;
  return tf.pad4d(x, [
    [0, 0],
    [height, height],
    [width, width],
    [0, 0],
  ]);
}
