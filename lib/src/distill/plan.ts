import { changesFrames, type Augmentation } from '../data/augment.js';
import type { Experiment, Training } from '../schema/generated/experiment.js';
import type { AdamWOptions } from './adamw.js';
import { constantly, rateAt, valueAt, type RateSchedule, type Schedule } from './curriculum.js';
import type { FeatureLoss, TargetWeights, TaskLoss } from './losses.js';

/** A stretch of a run with its own loss weights; the optimizer's moments start anew with it. */
export interface Stage {
  readonly name: string;
  /** Optimizer steps. */
  readonly steps: number;
  /** Share of every group that is drawn from labelled studies; absent: drawn from all TRAIN studies alike. */
  readonly labelledShare?: number;
  readonly featureWeight: Schedule;
  readonly taskWeight: Schedule;
}

/** What is minimised, as plain data. */
export interface Losses {
  readonly feature: FeatureLoss;
  readonly task: TaskLoss;
  readonly targetWeights: TargetWeights;
  /** What EF's contradiction with EDV and ESV counts beside the task loss of a labelled study; 0: nothing. */
  readonly consistency: number;
}

/** The figure on VAL that is to fall: the task loss as it is trained on, or EF's mean absolute error (%). */
export type Monitor = 'task_loss' | 'EF_mae';

/** Everything that decides how a run trains, as plain data. */
export interface TrainPlan {
  readonly seed: number;
  /** Studies of a micro-batch; every one has this shape, the last is padded. */
  readonly batch: number;
  /** Micro-batches of an optimizer step. */
  readonly accumulate: number;
  readonly stages: readonly Stage[];
  readonly losses: Losses;
  /** Draws labelled studies alike from the classes of EF. */
  readonly balanceEF: boolean;
  /** Of the student's inputs in training; null: none. */
  readonly augmentation: Augmentation | null;
  readonly rate: RateSchedule;
  readonly optimizer: AdamWOptions;
  /** Largest global norm of the gradient; null: not clipped. */
  readonly max_grad_norm: number | null;
  /** Optimizer steps between validations; 0: at the end only. */
  readonly validateEvery: number;
  /** What chooses the best parameters, stops early, and lowers rate and weights on a plateau. */
  readonly monitor: Monitor;
  /**
   * Ends the run after so many validations of the last stage without a new lowest figure; null: never. The count follows
   * from the validations, which a checkpoint holds.
   */
  readonly earlyStopping: number | null;
  /** Optimizer steps between checkpoints; 0: at the end only. */
  readonly checkpointEvery: number;
}

/** Optimizer steps of a run. */
export function totalSteps(plan: TrainPlan): number {
  return plan.stages.reduce((sum, stage) => sum + stage.steps, 0);
}

/** The stage a step of the run belongs to, and its number there; both count from 0. */
export function stageAt(plan: TrainPlan, step: number): { stage: Stage; stageStep: number } {
  let stageStep = step;
  for (const stage of plan.stages) {
    if (stageStep < stage.steps) return { stage, stageStep };
    stageStep -= stage.steps;
  }
  throw new RangeError(`the run has no step ${step}`);
}

/** What the schedules say at a step. */
export interface StepSettings {
  readonly featureWeight: number;
  readonly taskWeight: number;
  readonly rate: number;
}

/** The settings of a step (from 0) after the given losses on VAL since its stage began. */
export function settingsAt(plan: TrainPlan, step: number, losses: readonly number[]): StepSettings {
  const { stage, stageStep } = stageAt(plan, step);
  return {
    featureWeight: valueAt(stage.featureWeight, stageStep, stage.steps, losses),
    taskWeight: valueAt(stage.taskWeight, stageStep, stage.steps, losses),
    rate: rateAt(plan.rate, step, stageStep, totalSteps(plan), losses),
  };
}

/** The settings of every step as planned: as if the loss on VAL never stalled. */
export function plannedSettings(plan: TrainPlan): (StepSettings & { readonly step: number })[] {
  return Array.from({ length: totalSteps(plan) }, (_, step) => ({ step, ...settingsAt(plan, step, []) }));
}

function lossesOf({ feature_loss, task_loss, target_weights, consistency_weight }: Training): Losses {
  const { EDV, ESV, EF } = target_weights;
  return { feature: feature_loss, task: task_loss, targetWeights: [EDV, ESV, EF], consistency: consistency_weight };
}

/**
 * The plan of an experiment: first the features alone, matched on every TRAIN study, unlabelled ones included, then task
 * and features together. The feature weight stays at its start in the first stage and follows its schedule in the second.
 * Half of a group is unlabelled where there are such studies.
 */
export function planOf({ training, seed, adapter }: Pick<Experiment, 'training' | 'seed' | 'adapter'>): TrainPlan {
  const { feature_weight, task_weight, feature_steps, steps, clip_norm } = training;
  const features: Stage = {
    name: 'features',
    steps: Math.min(feature_steps, steps),
    featureWeight: constantly(feature_weight.start),
    taskWeight: constantly(0),
  };
  const task: Stage = {
    name: 'task',
    steps: steps - features.steps,
    labelledShare: 0.5,
    featureWeight: feature_weight,
    taskWeight: task_weight,
  };
  return {
    seed,
    batch: training.batch_size,
    accumulate: training.accumulation_steps,
    stages: [features, task].filter((stage) => stage.steps > 0),
    losses: lossesOf(training),
    balanceEF: training.balance_ef,
    augmentation: changesFrames(training.augmentation) ? { ...training.augmentation } : null,
    rate: {
      peak: training.learning_rate,
      final: 0,
      warmupSteps: training.warmup_steps,
      plateauPatience: training.rate_plateau,
    },
    optimizer: {
      betas: [0.9, 0.999],
      eps: 1e-8,
      weight_decay: training.weight_decay,
      decay_vectors: training.decay_vectors === 'auto' ? adapter !== null : training.decay_vectors,
    },
    max_grad_norm: clip_norm > 0 ? clip_norm : null,
    validateEvery: training.validate_every,
    monitor: training.monitor ?? 'task_loss',
    earlyStopping: training.early_stopping,
    checkpointEvery: training.checkpoint_every,
  };
}

/** The plan of the same student without distillation: as many optimizer steps, all on the task and labelled studies. */
export function baselinePlan(plan: TrainPlan): TrainPlan {
  const task: Stage = {
    name: 'task',
    steps: totalSteps(plan),
    labelledShare: 1,
    featureWeight: constantly(0),
    taskWeight: constantly(1),
  };
  return { ...plan, stages: [task] };
}
