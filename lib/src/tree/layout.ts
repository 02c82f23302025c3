import * as tf from '@tensorflow/tfjs';
import type { Layout, Shape } from './spec.js';

/** Shape in memory of a parameter with the given shape in the checkpoint. */
export function memoryShape(shape: Shape, layout: Layout): number[] {
  const [a = 1, b = 1, c = 1, d = 1] = shape;
  switch (layout) {
    case 'same':
      return [...shape];
    case 'conv1x1':
      return [a, b];
    case 'conv':
      return [c, d, b, a];
    case 'depthwise':
      return [c, d, a, b];
  }
}

/**
 * A checkpoint's values as the tensor in memory; the caller owns it. Reshaping and transposing are operations, so that the
 * engine takes the values over now; a tensor made of values alone keeps them until it is first used, beside its copy.
 */
export function toMemory(values: Float32Array, shape: Shape, layout: Layout): tf.Tensor {
  return tf.tidy(() => {
    const stored = tf.tensor(values, [...shape]);
    if (layout === 'same' || layout === 'conv1x1') return tf.reshape(stored, memoryShape(shape, layout));
    return tf.transpose(stored, layout === 'conv' ? [2, 3, 1, 0] : [2, 3, 0, 1]);
  });
}

/** The values of a tensor in memory in the checkpoint's order. */
export function toFile(tensor: tf.Tensor, layout: Layout): Float32Array {
  if (layout === 'same' || layout === 'conv1x1') return tensor.dataSync<'float32'>();
  return tf.tidy(() => tf.transpose(tensor, layout === 'conv' ? [3, 2, 0, 1] : [2, 3, 0, 1]).dataSync<'float32'>());
}
