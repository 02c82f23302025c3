import * as tf from '@tensorflow/tfjs';

interface NodeBackend {
  readonly binding: { readonly TF_ATTR_TYPE: number; readonly TF_FLOAT: number; readonly TF_INT32: number };
  executeSingleOutput(op: string, attributes: object[], inputs: tf.Tensor[]): tf.Tensor;
}

/** Uniform numbers in [0, 1) determined by the seed (int32 `[2]`) alone: the same in an eager and in a compiled step. */
export function statelessUniform(shape: readonly number[], seed: tf.Tensor1D): tf.Tensor {
  if (tf.getBackend() !== 'tensorflow') {
    const [a = 0, b = 0] = seed.dataSync();
    return tf.randomUniform([...shape], 0, 1, 'float32', (a * 65599 + b) | 0);
  }
  const { binding, executeSingleOutput } = tf.backend() as unknown as NodeBackend;
  const attributes = [
    { name: 'dtype', type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: 'T', type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 },
    { name: 'Tseed', type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 },
  ];
  return tf.tidy(() =>
    executeSingleOutput.call(tf.backend(), 'StatelessRandomUniform', attributes, [
      tf.tensor1d([...shape], 'int32'),
      seed,
    ]),
  );
}
