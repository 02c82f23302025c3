import * as tf from '@tensorflow/tfjs';

/** What `work` computes, as a constant for gradients; the caller owns the result. */
export function detached<T extends tf.Tensor>(work: () => T): T {
  return tf.customGrad(() => ({ value: work(), gradFunc: () => [] }))() as T;
}
