import * as tf from '@tensorflow/tfjs';
import { consistencyLoss } from './consistency.js';
import { taskLoss, type FeatureLoss, type TargetWeights, type TaskLoss } from './losses.js';
import type { Standardisation } from './targets.js';

/** What is minimised. */
export interface Objective {
  readonly feature: FeatureLoss;
  readonly task: TaskLoss;
  readonly targetWeights: TargetWeights;
  /** Adds so many times the contradiction of EF with EDV and ESV to the task loss; null: nothing. */
  readonly consistency: { readonly weight: number; readonly standardisation: Standardisation } | null;
}

/** Mean squared errors, all targets alike. */
export const squaredErrors: Objective = { feature: 'mse', task: 'mse', targetWeights: [1, 1, 1], consistency: null };

/**
 * Task loss of each study with the contradiction among its predictions; predicted and target standardised `[B, 3]`, result
 * `[B]`, owned by the caller.
 */
export function supervisedLoss(predicted: tf.Tensor2D, target: tf.Tensor2D, objective: Objective): tf.Tensor1D {
  const { task, targetWeights, consistency } = objective;
  return tf.tidy(() => {
    const loss = taskLoss(predicted, target, task, targetWeights);
    if (consistency === null) return loss;
    return tf.add(loss, tf.mul(consistencyLoss(predicted, consistency.standardisation), consistency.weight));
  });
}
