import * as tf from '@tensorflow/tfjs';
import { BadInput } from '../host/errors.js';
import { fold, rootKey } from '../tree/random.js';
import { biasCorrections } from './adamw.js';
import { chunksOf, microBatch, type Chunk, type Shares } from './batches.js';
import type { TrainData } from './data.js';
import type { StepRecord } from './events.js';
import { settingsAt, stageAt, totalSteps, type TrainPlan } from './plan.js';
import { bandsOf, groupAt, seedOf, type Pools } from './sampler.js';
import type { Standardisation } from './targets.js';
import type { MicroBatchLosses, TrainStep } from './train_step.js';

/** What the steps of a run share. */
export interface StepContext {
  readonly plan: TrainPlan;
  readonly data: TrainData;
  readonly pools: Pools;
  readonly standardisation: Standardisation;
  readonly trainStep: TrainStep;
  readonly withTeacher: boolean;
}

/** Losses of single studies as they are read back. */
interface StudyLosses {
  readonly task: number[];
  readonly feature: number[];
}

/** The TRAIN studies with and without labels; the bands of EF where they are drawn alike. */
export function poolsOf({ studies, train }: TrainData, { balanceEF }: Pick<TrainPlan, 'balanceEF'>): Pools {
  const isLabelled = (index: number): boolean => studies[index]?.targets !== null;
  const labelled = train.filter(isLabelled);
  const unlabelled = train.filter((index) => !isLabelled(index));
  return {
    labelled,
    unlabelled,
    ...(balanceEF ? { bands: bandsOf(labelled, (i) => studies[i]?.targets?.[2] ?? NaN) } : {}),
  };
}

/** Stops a run whose numbers are broken: `moment` says when, `indices` which studies it had before it. */
export function refuseNonFinite(
  moment: string,
  what: string,
  indices: readonly number[],
  { studies }: Pick<TrainData, 'studies'>,
): never {
  const ids = indices.map((index) => studies[index]?.id ?? String(index));
  throw new BadInput({
    where: `${moment}, studies ${ids.join(', ')}`,
    expected: `a finite ${what}`,
    got: 'NaN or infinity',
    fix: 'look at these studies, or lower the learning rate; the last checkpoint is whole',
  });
}

/** The losses of a chunk's studies that count, read back; frees the tensors. */
async function readLosses(
  { task, feature }: MicroBatchLosses,
  { indices, valid }: Chunk,
  { studies }: TrainData,
  step: number,
): Promise<StudyLosses> {
  const taskValues = await task.data();
  const featureValues = feature === undefined ? [] : await feature.data();
  tf.dispose([task, feature ?? []]);
  const counted = indices.slice(0, valid);
  const isLabelled = counted.map((index) => studies[index]?.targets !== null);
  const losses = {
    task: [...taskValues.slice(0, valid)].filter((_, i) => isLabelled[i]),
    feature: [...featureValues.slice(0, valid)],
  };
  const broken = counted.filter((_, i) => ![taskValues[i], featureValues[i] ?? 0].every(Number.isFinite));
  if (broken.length > 0) refuseNonFinite(`training step ${step}`, 'loss', broken, { studies });
  return losses;
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Gradients of a whole group, one micro-batch after the other. */
async function accumulateGroup(
  { plan, data, standardisation, trainStep, withTeacher }: StepContext,
  group: readonly number[],
  shares: Shares,
  step: number,
): Promise<StudyLosses> {
  const key = fold(fold(rootKey(plan.seed), 'dropout'), step);
  const losses: StudyLosses = { task: [], feature: [] };
  for (const [i, chunk] of chunksOf(group, plan.batch).entries()) {
    const augmented = plan.augmentation === null ? undefined : fold(fold(fold(rootKey(plan.seed), 'augment'), step), i);
    const seed = seedOf(fold(key, i));
    const batch = await microBatch(data, standardisation, chunk, shares, seed, withTeacher, augmented);
    const result = await trainStep.accumulate(batch);
    tf.dispose(Object.values(batch) as tf.TensorContainer);
    const { task, feature } = await readLosses(result, chunk, data, step);
    losses.task.push(...task);
    losses.feature.push(...feature);
  }
  return losses;
}

/** Updates the parameters; gives the gradient's norm before clipping. */
async function update(trainStep: TrainStep, plan: TrainPlan, rate: number, stageStep: number): Promise<number> {
  const { correction1, correction2 } = biasCorrections(plan.optimizer, stageStep + 1);
  const scalars = { rate: tf.scalar(rate), correction1: tf.scalar(correction1), correction2: tf.scalar(correction2) };
  const norm = await trainStep.apply(scalars);
  const [value = NaN] = await norm.data();
  tf.dispose([norm, ...Object.values(scalars)]);
  return value;
}

/** The studies that a step draws. */
function studiesOf({ plan, pools }: StepContext, step: number): number[] {
  const { stage, stageStep } = stageAt(plan, step);
  const key = fold(fold(rootKey(plan.seed), 'sampler'), stage.name);
  return groupAt(pools, plan.batch * plan.accumulate, stage.labelledShare, stageStep, key);
}

/**
 * One optimizer step; `losses` are those on VAL since its stage began.
 * @throws BadInput naming the studies when a loss or the gradient is not finite.
 */
export async function runStep(context: StepContext, step: number, losses: readonly number[]): Promise<StepRecord> {
  const { plan, data, trainStep } = context;
  const { stage, stageStep } = stageAt(plan, step);
  const group = studiesOf(context, step);
  const labelled = group.filter((index) => data.studies[index]?.targets !== null).length;
  const { featureWeight, taskWeight, rate } = settingsAt(plan, step, losses);
  const shares = {
    task: labelled > 0 ? taskWeight / labelled : 0,
    feature: context.withTeacher ? featureWeight / group.length : 0,
  };
  if (step + 1 < totalSteps(plan)) data.prefetch?.(studiesOf(context, step + 1));
  const found = await accumulateGroup(context, group, shares, step);
  const gradientNorm = await update(trainStep, plan, rate, stageStep);
  if (!Number.isFinite(gradientNorm)) refuseNonFinite(`training step ${step}`, 'gradient', group, data);
  const [feature, task] = [mean(found.feature), mean(found.task)];
  return {
    step,
    stage: stage.name,
    samples: group.length,
    labelled,
    feature,
    task,
    total: featureWeight * (feature ?? 0) + taskWeight * (task ?? 0),
    featureWeight,
    taskWeight,
    rate,
    gradientNorm,
  };
}
