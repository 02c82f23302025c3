import * as tf from '@tensorflow/tfjs';
import { nativeOp } from './native_op.js';

/** Uniform numbers in [0, 1) determined by the seed (int32 `[2]`) alone: the same in an eager and in a compiled step. */
export function statelessUniform(shape: readonly number[], seed: tf.Tensor1D): tf.Tensor {
  if (tf.getBackend() !== 'tensorflow') {
    const [a = 0, b = 0] = seed.dataSync();
    return tf.randomUniform([...shape], 0, 1, 'float32', (a * 65599 + b) | 0);
  }
  const attributes = { dtype: { type: 'float32' }, T: { type: 'int32' }, Tseed: { type: 'int32' } } as const;
  return tf.tidy(() => {
    const dims = tf.tensor1d([...shape], 'int32');
    return nativeOp('StatelessRandomUniform', attributes, [dims, seed], 1)[0] as tf.Tensor;
  });
}
