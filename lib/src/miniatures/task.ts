import type * as tf from '@tensorflow/tfjs';
import type { Params } from '../tree/spec.js';
import type { Subject } from './batch.js';

/** What a tower learns with which heads. */
export interface Task {
  readonly subject: Subject;
  /** Side of its square images, pixels. */
  readonly size: number;
  /** Shapes of a batch's targets without B. */
  readonly targetShapes: readonly (readonly number[])[];
  /** Tower and heads, all of them variables; freed by whoever built the task. */
  readonly params: Params;
  /** The loss of grey images `[B, H, W, 1]` (0 … 255) against their targets. A function of tensors only; the caller owns it. */
  loss(images: tf.Tensor4D, targets: readonly tf.Tensor[]): tf.Scalar;
  /** Means over a batch by name, as the manifest shows them; owned by the caller. */
  measure(images: tf.Tensor4D, targets: readonly tf.Tensor[]): Record<string, tf.Scalar>;
}
