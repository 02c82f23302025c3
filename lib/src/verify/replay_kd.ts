import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { biasCorrections, createAdamW, type AdamWOptions } from '../distill/adamw.js';
import { valueAt } from '../distill/curriculum.js';
import type { MicroBatch } from '../distill/micro_batch.js';
import { createTrainStep, microBatchGradient, type TrainStep } from '../distill/train_step.js';
import type { OpenTensorSource } from '../files/safetensors.js';
import { toFile } from '../tree/layout.js';
import { withFile, type Replay } from './case_file.js';
import { comparisonOf, difference, forwardTolerance, type Comparison, type Difference } from './compare.js';
import { loadKdCase, type GoldenParam, type KdCase } from './kd_case.js';
import type { KdLogEntry } from './kd_spec.js';

/** goldens/README.md: final weights, absolute. */
const weightTolerance = 2e-4;
/** Of the largest entry of a parameter's gradient, or of 1: one pass forth and back in fp32. */
const gradientTolerance = 1e-5;

/** The weights of the losses in a step by the case's ramps. */
function weightsAt({ file: { spec } }: KdCase, step: number): { feature: number; task: number } {
  const ramp = (start: number, end: number): number =>
    valueAt({ kind: 'linear', start, end, steps: spec.ramp_steps }, step, spec.steps);
  return {
    feature: ramp(spec.feature_weight_start, spec.feature_weight_end),
    task: ramp(spec.task_weight_start, spec.task_weight_end),
  };
}

/** Micro-batch k of a step, weighted so that the group's sum is its mean over studies and micro-batches. */
function batchAt(kd: KdCase, step: number, k: number): MicroBatch {
  const { accum, num_micro_batches } = kd.file.spec;
  const index = (step * accum + k) % num_micro_batches;
  const { feature, task } = weightsAt(kd, step);
  const counted = accum * kd.studies;
  return kd.batch(index, { feature: feature / counted, task: task / counted });
}

/** Values against the reference's, allowed to be `tolerance` · max(1, max |expected|) off. */
function close(
  name: string,
  values: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = forwardTolerance,
  shape: readonly number[] = [expected.length],
): Difference {
  const reference = Float32Array.from(expected);
  const scale = reference.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  if (values.length !== reference.length) {
    const where = `${name}: expected ${reference.length} values, got ${values.length}`;
    return { worst: Infinity, tolerance, where };
  }
  return difference(name, { values, expected: reference, shape }, tolerance * scale);
}

/** Parameters, or their gradients, in the file's order under the reference's names. */
function goldenValues(params: readonly GoldenParam[], tensors: ReadonlyMap<string, tf.Tensor>) {
  return new Map(
    params.map(({ name, variables, layout }) => {
      const parts = variables.map((variable) => [...toFile(tensors.get(variable) as tf.Tensor, layout)]);
      return [name, parts.flat()];
    }),
  );
}

/** Every tensor of a file whose name starts with `prefix` against the values of the parameter it names. */
function againstFile(
  file: OpenTensorSource,
  prefix: string,
  values: ReadonlyMap<string, readonly number[]>,
  compare: (name: string, found: readonly number[], shape: readonly number[]) => Difference,
): Difference[] {
  const names = [...file.names()].filter((name) => name.startsWith(prefix));
  const missing = [...values.keys()].filter((name) => !names.includes(prefix + name));
  return [
    ...names.map((name) => compare(name, values.get(name.slice(prefix.length)) ?? [], file.shapeOf(name))),
    ...missing.map((name) => ({ worst: Infinity, tolerance: 0, where: `${prefix}${name}: not in the file` })),
  ];
}

/** The group's gradient of step 0 by variable; the caller owns it. */
function firstGradient(kd: KdCase): Map<string, tf.Tensor> {
  const variables = [...kd.variables.values()];
  const named = tf.tidy(() => {
    const gradients = Array.from({ length: kd.file.spec.accum }, (_, k) => {
      const batch = batchAt(kd, 0, k);
      return microBatchGradient(kd.student, kd.bridges, variables, batch).gradient;
    });
    const sizes = variables.map(({ size }) => size);
    const parts = tf.split(tf.addN(gradients), sizes);
    return parts.map((part, i) => tf.reshape(part, variables[i]?.shape ?? []));
  });
  return new Map([...kd.variables.keys()].map((name, i) => [name, named[i] as tf.Tensor]));
}

function compareFirstStep(kd: KdCase, folder: string, name: string): Comparison {
  return withFile(join(folder, 'step0.safetensors'), (file) => {
    const gradients = firstGradient(kd);
    try {
      const differences = againstFile(file, 'grad.', goldenValues(kd.params, gradients), (tensor, found, shape) =>
        close(tensor, found, file.read(tensor), gradientTolerance, shape),
      );
      return comparisonOf(`${name}/step0.safetensors`, differences, differences.length);
    } finally {
      tf.dispose([...gradients.values()]);
    }
  });
}

/** The losses of a micro-batch, means over its studies. */
async function microBatchMeans(kd: KdCase, trainStep: TrainStep, step: number, k: number) {
  const batch = batchAt(kd, step, k);
  try {
    const losses = await trainStep.accumulate(batch);
    const mean = (loss: tf.Tensor | undefined): number =>
      loss === undefined ? NaN : loss.dataSync<'float32'>().reduce((sum, value) => sum + value, 0) / loss.size;
    const weights = weightsAt(kd, step);
    const [feature, task] = [mean(losses.feature), mean(losses.task)];
    tf.dispose([losses.task, losses.feature ?? []]);
    return { feature, task, total: weights.feature * feature + weights.task * task };
  } finally {
    tf.dispose(Object.values(batch) as tf.TensorContainer);
  }
}

/** Takes one optimizer step and compares its losses, its weights and its gradient's norm with the log. */
async function compareStep(
  kd: KdCase,
  trainStep: TrainStep,
  optimizer: AdamWOptions,
  step: number,
): Promise<Difference[]> {
  const logged = kd.file.log[step] as KdLogEntry;
  const weights = weightsAt(kd, step);
  const found: { feature: number; task: number; total: number }[] = [];
  for (let k = 0; k < kd.file.spec.accum; k++) found.push(await microBatchMeans(kd, trainStep, step, k));
  const { correction1, correction2 } = biasCorrections(optimizer, step + 1);
  const scalars = {
    rate: tf.scalar(kd.file.spec.lr),
    correction1: tf.scalar(correction1),
    correction2: tf.scalar(correction2),
  };
  const norm = await trainStep.apply(scalars);
  const [normValue = NaN] = norm.dataSync();
  tf.dispose([norm, ...Object.values(scalars)]);
  const of = (field: 'feature' | 'task' | 'total'): Difference =>
    close(
      `step ${step}, ${field}`,
      found.map((losses) => losses[field]),
      logged.micro.map((losses) => losses[field]),
    );
  const total = found.reduce((sum, losses) => sum + losses.total, 0) / found.length;
  return [
    close(`step ${step}, weights`, [weights.feature, weights.task], [logged.feature_weight, logged.task_weight]),
    ...[of('feature'), of('task'), of('total')],
    close(`step ${step}, mean_total`, [total], [logged.mean_total]),
    close(`step ${step}, grad_norm_before_clip`, [normValue], [logged.grad_norm_before_clip]),
  ];
}

async function compareSteps(kd: KdCase, name: string): Promise<Comparison> {
  const { betas, eps, weight_decay, max_grad_norm, steps } = kd.file.spec;
  const { student, bridges } = kd;
  const options: AdamWOptions = { betas, eps, weight_decay };
  const variables = [...kd.variables.values()];
  const optimizer = createAdamW(variables, options);
  const trainStep = createTrainStep({ student, bridges, variables, optimizer, max_grad_norm });
  const differences: Difference[] = [];
  try {
    for (let step = 0; step < steps; step++) differences.push(...(await compareStep(kd, trainStep, options, step)));
  } finally {
    trainStep.dispose();
    optimizer.dispose();
  }
  return comparisonOf(`${name}/kd.json`, differences, differences.length);
}

function compareFinal(kd: KdCase, folder: string, name: string): Comparison {
  return withFile(join(folder, 'final_trainable.safetensors'), (file) => {
    const differences = againstFile(file, '', goldenValues(kd.params, kd.variables), (tensor, values, shape) => {
      const expected = file.read(tensor);
      if (values.length !== expected.length) return close(tensor, values, expected);
      return difference(tensor, { values, expected, shape }, weightTolerance);
    });
    return comparisonOf(`${name}/final_trainable.safetensors`, differences, differences.length);
  });
}

/** A distillation from its first gradient over the losses of every step to its trained weights. */
export const replayKd: Replay = async (folder, name) => {
  const kd = loadKdCase(folder);
  try {
    const first = compareFirstStep(kd, folder, name);
    return [first, await compareSteps(kd, name), compareFinal(kd, folder, name)];
  } finally {
    kd.dispose();
  }
};
