import * as tf from '@tensorflow/tfjs';
import { nodeBackend } from './binding.js';
import { nativeOp } from './native_op.js';
import { isTracing } from './trace.js';

/**
 * Bytes as a tensor, which tfjs takes for an int32 one; the caller owns it. TensorFlow keeps one byte a value, an engine
 * without bytes four. Only the functions of this file may use it.
 */
export function byteTensor(values: Uint8Array, shape: readonly number[]): tf.Tensor {
  const backend = nodeBackend();
  if (backend === undefined) return tf.tensor(Int32Array.from(values), [...shape], 'int32');
  const dtype = backend.binding.TF_UINT8;
  return backend.createOutputTensor({
    id: backend.binding.createTensor([...shape], dtype, values),
    shape: [...shape],
    dtype,
  });
}

/** The values of a byte tensor. */
export function bytesOf(bytes: tf.Tensor): Uint8Array {
  const numbers = bytesTo('int32', bytes);
  const values = Uint8Array.from(numbers.dataSync());
  numbers.dispose();
  return values;
}

/** A byte tensor as numbers, owned by the caller. */
export function bytesTo(dtype: 'float32' | 'int32', bytes: tf.Tensor): tf.Tensor {
  if (nodeBackend() === undefined) return tf.cast(bytes, dtype);
  return nativeOp('Cast', { DstT: { type: dtype } }, [bytes], 1)[0] as tf.Tensor;
}

/** table[byte] for every byte; table `[256, …]`, result `[…bytes, …]`, owned by the caller. */
export function lookUp(table: tf.Tensor, bytes: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const indices = bytesTo('int32', bytes);
    if (nodeBackend() === undefined) return tf.gather(table, indices as tf.Tensor1D);
    // tfjs's gather would read the indices to check them.
    const axis = tf.scalar(0, 'int32');
    return nativeOp('GatherV2', { batch_dims: { int: 0 } }, [table, indices, axis], 1)[0] as tf.Tensor;
  });
}

/**
 * `value` itself; in a compiled function not before `after` is known. What depends on captured tensors alone is otherwise
 * computed at the start for every layer at once, and kept until it is used.
 */
export function notBefore<T extends tf.Tensor>(value: T, after: tf.Tensor | undefined): T {
  if (after === undefined || !isTracing()) return value;
  return tf.tidy(() => {
    const first = tf.slice(tf.reshape(after, [-1]), [0], [1]);
    // Zero also for infinities and NaN. The slice is the whole: TensorFlow hands the memory on.
    const zero = tf.cast(tf.less(first, first), 'int32');
    const inputs = [value, tf.tile(zero, [value.rank]), tf.tensor1d(value.shape, 'int32')];
    return nativeOp('Slice', {}, inputs, 1)[0] as T;
  });
}
