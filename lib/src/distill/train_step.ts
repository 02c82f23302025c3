import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import { dropoutKey } from '../nn/dropout.js';
import { adaptiveAvgPool2d } from '../ops/adaptive_avg_pool2d.js';
import { clipByNorm, flatten, type AdamW, type AdamWScalars } from './adamw.js';
import { featureLoss, weightedSum, type FeatureLoss } from './losses.js';
import { batchOf, batchTensors, type MicroBatch } from './micro_batch.js';
import { squaredErrors, supervisedLoss, type Objective } from './objective.js';
import type { Bridge, Student } from './student.js';

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
  kind: FeatureLoss,
): tf.Tensor1D {
  const losses = bridges.map((bridge, i) => {
    const map = features[bridge.feature];
    if (map === undefined) throw new Error(`the student has no feature ${bridge.feature}`);
    const pooled = adaptiveAvgPool2d(map, [bridge.grid, bridge.grid]);
    return featureLoss(bridge.project(pooled), teacher[i] as tf.Tensor4D, kind);
  });
  return tf.mul(tf.addN(losses), 1 / bridges.length);
}

/** The losses of a micro-batch; the caller owns them. */
export function microBatchLosses(
  student: Student,
  bridges: readonly Bridge[],
  batch: MicroBatch,
  objective: Objective = squaredErrors,
): MicroBatchLosses {
  return tf.tidy(() => {
    const output = student.forward(batch, dropoutKey(batch.seed));
    const task = supervisedLoss(output.targets, batch.targets, objective);
    const feature =
      bridges.length > 0 ? bridgesLoss(bridges, output.features, batch.teacher, objective.feature) : undefined;
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
  objective: Objective = squaredErrors,
): MicroBatchLosses & { readonly gradient: tf.Tensor1D } {
  return tf.tidy(() => {
    const losses = new Map<'task' | 'feature', tf.Tensor1D>();
    const { value, grads } = tf.variableGrads(() => {
      const { task, feature } = microBatchLosses(student, bridges, batch, objective);
      losses.set('task', tf.keep(task));
      const taskPart = weightedSum(task, batch.taskWeights);
      if (feature === undefined) return taskPart;
      losses.set('feature', tf.keep(feature));
      return tf.add(taskPart, weightedSum(feature, batch.featureWeights));
    }, [...variables]);
    value.dispose();
    /** From what outlives variableGrads to what this scope returns. */
    const handOver = (kept: tf.Tensor1D | undefined): tf.Tensor1D | undefined => {
      const loss = kept?.clone();
      kept?.dispose();
      return loss;
    };
    return {
      task: handOver(losses.get('task')) as tf.Tensor1D,
      feature: handOver(losses.get('feature')),
      gradient: flatten(variables.map((variable) => grads[variable.name] ?? tf.zerosLike(variable))),
    };
  });
}

/** An optimizer step in two parts, each one graph function: any number of micro-batches, then the update. */
export interface TrainStep {
  /** Adds a micro-batch's gradient to the group's; the caller owns the losses. */
  accumulate(batch: MicroBatch): Promise<MicroBatchLosses>;
  /** Clips the group's gradient, updates the variables and clears it; gives its norm before clipping, the caller's. */
  apply(scalars: AdamWScalars): Promise<tf.Scalar>;
  dispose(): void;
}

export interface TrainStepOptions {
  readonly student: Student;
  readonly bridges: readonly Bridge[];
  readonly variables: readonly tf.Variable[];
  readonly optimizer: AdamW;
  /** Largest norm of the group's gradient; null leaves it alone. */
  readonly max_grad_norm: number | null;
  /** By default {@link squaredErrors}. */
  readonly objective?: Objective;
}

/** The training step of a student; it owns the sum of gradients and its compiled functions. */
export function createTrainStep(options: TrainStepOptions): TrainStep {
  const { student, bridges, variables, optimizer, max_grad_norm, objective } = options;
  const P = optimizer.moments.m.size;
  const sum = tf.tidy(() => tf.variable(tf.zeros([P]), false)) as tf.Variable<tf.Rank.R1>;

  const accumulate = compile(
    (...inputs: tf.Tensor[]): tf.Tensor[] => {
      const { task, feature, gradient } = microBatchGradient(
        student,
        bridges,
        variables,
        batchOf(inputs, bridges.length),
        objective,
      );
      sum.assign(tf.add(sum, gradient));
      return feature === undefined ? [task] : [task, feature];
    },
    { name: 'accumulate' },
  );
  const apply = compile(
    (rate: tf.Scalar, correction1: tf.Scalar, correction2: tf.Scalar): tf.Scalar => {
      const { gradient, norm } = clipByNorm(sum, max_grad_norm);
      optimizer.update(gradient, { rate, correction1, correction2 });
      sum.assign(tf.zerosLike(sum));
      return norm;
    },
    { name: 'apply' },
  );
  return {
    async accumulate(batch) {
      const [task, feature] = await accumulate.async(...batchTensors(batch));
      return { task, feature } as MicroBatchLosses;
    },
    apply: ({ rate, correction1, correction2 }) => apply.async(rate, correction1, correction2),
    dispose() {
      accumulate.dispose();
      apply.dispose();
      sum.dispose();
    },
  };
}
