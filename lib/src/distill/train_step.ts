import * as tf from '@tensorflow/tfjs';
import { dropoutKey } from '../nn/dropout.js';
import { adaptiveAvgPool2d } from '../ops/adaptive_avg_pool2d.js';
import { clipByNorm, flatten, type AdamW, type AdamWScalars } from './adamw.js';
import { featureLoss, taskLoss, weightedSum } from './losses.js';
import type { Bridge, Student } from './student.js';

/** The inputs of one micro-batch of B studies, always of the same shapes; whoever made them owns them. */
export interface MicroBatch {
  readonly ED: tf.Tensor4D;
  readonly ES: tf.Tensor4D;
  /** Standardised, anything where unlabelled: `[B, 3]`. */
  readonly targets: tf.Tensor2D;
  /**
   * What each study's task loss counts in the step: task weight / labelled studies of the whole group; 0 for unlabelled
   * and padding. Gradients of the micro-batches then add up to that of the group's mean. `[B]`
   */
  readonly taskWeights: tf.Tensor1D;
  /** The same for the feature loss: feature weight / studies of the whole group; 0 for padding. `[B]` */
  readonly featureWeights: tf.Tensor1D;
  /** Of this micro-batch's dropout: int32 `[2]`. */
  readonly seed: tf.Tensor1D;
  /** The teacher's pooled map of every bridge, ED above ES: `[2B, g, g, Ct]`. */
  readonly teacher: readonly tf.Tensor4D[];
}

/** Losses of each study before weighting, `[B]`: the task's and, where there are bridges, the mean over them. */
export interface MicroBatchLosses {
  readonly task: tf.Tensor1D;
  readonly feature: tf.Tensor1D | undefined;
}

/** Feature loss of each study, the mean over the bridges: `[B]`. */
function bridgesLoss(
  bridges: readonly Bridge[],
  features: Readonly<Record<string, tf.Tensor4D>>,
  teacher: readonly tf.Tensor4D[],
): tf.Tensor1D {
  const losses = bridges.map((bridge, i) => {
    const map = features[bridge.feature];
    if (map === undefined) throw new Error(`the student has no feature ${bridge.feature}`);
    const pooled = adaptiveAvgPool2d(map, [bridge.grid, bridge.grid]);
    return featureLoss(bridge.project(pooled), teacher[i] as tf.Tensor4D);
  });
  return tf.mul(tf.addN(losses), 1 / bridges.length);
}

/** The losses of a micro-batch; the caller owns them. */
export function microBatchLosses(student: Student, bridges: readonly Bridge[], batch: MicroBatch): MicroBatchLosses {
  return tf.tidy(() => {
    const output = student.forward({ ED: batch.ED, ES: batch.ES }, dropoutKey(batch.seed));
    const task = taskLoss(output.targets, batch.targets);
    const feature = bridges.length > 0 ? bridgesLoss(bridges, output.features, batch.teacher) : undefined;
    return { task, feature };
  });
}

/**
 * A micro-batch's losses, and the gradient of its weighted losses as one vector `[P]` in the order of the variables (zero
 * where a variable has no part in them). A function of tensors only; the caller owns the result.
 */
export function microBatchGradient(
  student: Student,
  bridges: readonly Bridge[],
  variables: readonly tf.Variable[],
  batch: MicroBatch,
): { losses: MicroBatchLosses; gradient: tf.Tensor1D } {
  let losses: MicroBatchLosses | undefined;
  const gradient = tf.tidy(() => {
    const { value, grads } = tf.variableGrads(() => {
      losses = microBatchLosses(student, bridges, batch);
      const { task, feature } = losses;
      tf.keep(task);
      const taskPart = weightedSum(task, batch.taskWeights);
      if (feature === undefined) return taskPart;
      tf.keep(feature);
      return tf.add(taskPart, weightedSum(feature, batch.featureWeights));
    }, [...variables]);
    value.dispose();
    return flatten(variables.map((variable) => grads[variable.name] ?? tf.zeros(variable.shape)));
  });
  return { losses: losses as MicroBatchLosses, gradient };
}

/** An optimizer step in two functions of tensors: any number of micro-batches, then the update. */
export interface TrainStep {
  /** Adds a micro-batch's gradient to the group's; the caller owns the losses. */
  accumulate(batch: MicroBatch): MicroBatchLosses;
  /** Clips the group's gradient, updates the variables and clears it; gives its norm before clipping, the caller's. */
  apply(scalars: AdamWScalars): tf.Scalar;
  dispose(): void;
}

export interface TrainStepOptions {
  readonly student: Student;
  readonly bridges: readonly Bridge[];
  readonly variables: readonly tf.Variable[];
  readonly optimizer: AdamW;
  /** Largest norm of the group's gradient; null leaves it alone. */
  readonly max_grad_norm: number | null;
}

/** The training step of a student; it owns only the sum of gradients. */
export function createTrainStep(options: TrainStepOptions): TrainStep {
  const { student, bridges, variables, optimizer, max_grad_norm } = options;
  const P = optimizer.moments.m.size;
  const sum = tf.tidy(() => tf.variable(tf.zeros([P]), false)) as tf.Variable<tf.Rank.R1>;
  return {
    accumulate(batch) {
      const { losses, gradient } = microBatchGradient(student, bridges, variables, batch);
      tf.tidy(() => sum.assign(tf.add(sum, gradient)));
      gradient.dispose();
      return losses;
    },
    apply(scalars) {
      return tf.tidy(() => {
        const { gradient, norm } = clipByNorm(sum, max_grad_norm);
        optimizer.update(gradient, scalars);
        sum.assign(tf.zeros([P]));
        return norm;
      });
    },
    dispose() {
      sum.dispose();
    },
  };
}
