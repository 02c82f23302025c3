import { createHash } from 'node:crypto';
import { removeUnfinished } from '../files/atomic_folder.js';
import { yieldToEvents } from '../host/abort.js';
import { BadInput } from '../host/errors.js';
import { createAdamW, type AdamW } from './adamw.js';
import {
  latestCheckpoint,
  pruneCheckpoints,
  restoreCheckpoint,
  writeCheckpoint,
  type Best,
  type TrainState,
} from './checkpoint.js';
import { validationsSinceBest } from './curriculum.js';
import { labelsOf, type TrainData } from './data.js';
import type { StepRecord, TrainEvent, ValidationRecord } from './events.js';
import type { Objective } from './objective.js';
import { stageAt, totalSteps, type TrainPlan } from './plan.js';
import { createPredictor, predictionErrors, predictTargets, type Predictor } from './predict.js';
import { poolsOf, refuseNonFinite, runStep, type StepContext } from './run_step.js';
import type { Bridge, Student } from './student.js';
import type { Standardisation } from './targets.js';
import { createTrainStep } from './train_step.js';
import { assignValues, trainedVariables, valuesOf, type Variables } from './variables.js';

export interface TrainOptions {
  /** Its variables, and those of the bridges' projectors, are what is trained; they stay the caller's. */
  readonly student: Student;
  /** Empty: training without distillation. */
  readonly bridges: readonly Bridge[];
  readonly data: TrainData;
  readonly standardisation: Standardisation;
  readonly plan: TrainPlan;
  /** A hash of the frozen weights and of how inputs are made; a checkpoint of another is not resumed. */
  readonly identity?: string;
  /** Where checkpoints go; absent: none are written. */
  readonly checkpoints?: {
    readonly folder: string;
    /** Goes on from the newest one there, if there is one. */
    readonly resume: boolean;
    /** So many of the newest stay, and the one with the best parameters; absent: all. */
    readonly keep?: number;
    /** Adds the model's own files (adapter, regressor) to a checkpoint. */
    readonly writeModel?: (folder: string) => Promise<void>;
  };
  readonly onEvent?: (event: TrainEvent) => void;
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  /** Optimizer steps taken: the plan's, or fewer when it stopped early. */
  readonly steps: number;
  /** The step whose parameters the student has now: the best on VAL, without VAL the last. */
  readonly chosenStep: number;
  readonly history: readonly StepRecord[];
  readonly validations: readonly ValidationRecord[];
  /** The last checkpoint's folder. */
  readonly checkpoint: string | undefined;
  /** Trained parameters that never had a gradient in the last stage, by name: a sign that something is wired wrongly. */
  readonly untrained: readonly string[];
}

/** A hash of all that a resumed run has to share with the one it goes on from. */
function fingerprintOf({ plan, data, standardisation, identity }: TrainOptions, variables: Variables): string {
  const { studies, train, validation } = data;
  const shapes = [...variables].map(([name, { shape }]) => [name, shape]);
  const content = JSON.stringify({ identity, plan, studies, train, validation, standardisation, shapes });
  return createHash('sha256').update(content).digest('hex');
}

function checkOptions({ data, plan }: TrainOptions): void {
  const pools = poolsOf(data, plan);
  if (plan.stages.some((stage) => stage.labelledShare !== undefined) && pools.labelled.length === 0) {
    throw new BadInput({
      where: 'split TRAIN',
      expected: 'labelled studies',
      got: 'none',
      fix: 'add labelled studies',
    });
  }
  if (pools.labelled.length + pools.unlabelled.length === 0) {
    throw new BadInput({ where: 'split TRAIN', expected: 'at least one study', got: 'none', fix: 'add studies' });
  }
}

/** Names of the variables whose part of the second moment is zero: no step of the stage gave them a gradient. */
async function withoutGradient(variables: Variables, optimizer: AdamW): Promise<string[]> {
  const v = await optimizer.moments.v.data();
  let begin = 0;
  return [...variables]
    .filter(([, { size }]) => {
      const part = v.subarray(begin, (begin += size));
      return part.every((value) => value === 0);
    })
    .map(([name]) => name);
}

function objectiveOf({ plan, standardisation }: TrainOptions): Objective {
  const { consistency: weight, ...losses } = plan.losses;
  return { ...losses, consistency: weight > 0 ? { weight, standardisation } : null };
}

/** The figure of a validation that the plan watches. */
function monitored({ monitor }: TrainPlan, { task, mae }: ValidationRecord): number {
  return monitor === 'task_loss' ? task : mae[2];
}

/**
 * Errors on VAL as the parameters stand; undefined where nothing there is labelled.
 * @throws BadInput naming the studies when a prediction is not finite.
 */
async function validate(
  options: TrainOptions,
  predictor: Predictor,
  step: number,
): Promise<ValidationRecord | undefined> {
  const { data, plan, standardisation, signal } = options;
  const indices = data.validation.filter((index) => data.studies[index]?.targets !== null);
  if (indices.length === 0) return undefined;
  const predicted = await predictTargets(predictor, data, indices, plan.batch, standardisation, signal);
  const broken = indices.filter((_, i) => !predicted[i]?.every(Number.isFinite));
  if (broken.length > 0) refuseNonFinite(`validation after step ${step}`, 'prediction', broken, data);
  return { step, ...predictionErrors(predicted, labelsOf(data, indices), standardisation, objectiveOf(options)) };
}

function isDue(step: number, every: number, total: number): boolean {
  return step === total || (every > 0 && step % every === 0);
}

/** A run as far as it has come. */
interface Reached extends TrainState {
  step: number;
  readonly history: StepRecord[];
  readonly validations: ValidationRecord[];
  best: Best | undefined;
  /** The last checkpoint, and what it holds. */
  saved: { readonly step: number; readonly validations: number; readonly folder: string } | undefined;
}

/** Everything a run works with. */
interface Run {
  readonly options: TrainOptions;
  readonly variables: Variables;
  readonly optimizer: AdamW;
  readonly context: StepContext;
  readonly predictor: Predictor;
  /** Parameters and moments: what a checkpoint holds. */
  readonly stored: Variables;
  readonly fingerprint: string;
}

/** The start of a run, or where its newest checkpoint left it. */
async function begin({ options, stored, fingerprint }: Run): Promise<Reached> {
  const { checkpoints, onEvent } = options;
  const fresh: Reached = { step: 0, history: [], validations: [], best: undefined, saved: undefined };
  if (checkpoints === undefined) return fresh;
  await removeUnfinished(checkpoints.folder);
  const folder = checkpoints.resume ? latestCheckpoint(checkpoints.folder) : undefined;
  if (folder === undefined) return fresh;
  const { step, history, validations, best } = restoreCheckpoint(folder, stored, fingerprint);
  onEvent?.({ kind: 'resumed', step, folder });
  return {
    step,
    history: [...history],
    validations: [...validations],
    best,
    saved: { step, validations: validations.length, folder },
  };
}

/** Writes a checkpoint, unless there are to be none or the last one holds what there is. */
async function save({ options, stored, fingerprint }: Run, reached: Reached): Promise<void> {
  const { checkpoints, onEvent } = options;
  const { step, history, validations, best, saved } = reached;
  if (checkpoints === undefined || (saved?.step === step && saved.validations === validations.length)) return;
  const state: TrainState = { step, history, validations, best };
  const folder = await writeCheckpoint(checkpoints.folder, stored, state, fingerprint, checkpoints.writeModel);
  if (checkpoints.keep !== undefined) await pruneCheckpoints(checkpoints.folder, checkpoints.keep, best);
  reached.saved = { step, validations: validations.length, folder };
  onEvent?.({ kind: 'checkpoint', step, folder });
}

/** Validates the parameters as they stand and keeps them if they are the best so far. */
async function validateAndKeep({ options, variables, predictor }: Run, reached: Reached): Promise<void> {
  const { step, best } = reached;
  const record = await validate(options, predictor, step);
  if (record === undefined) return;
  const value = monitored(options.plan, record);
  const isBest = best === undefined || value < best.value;
  const values = isBest ? await valuesOf(variables) : undefined;
  // No wait from here on: a checkpoint holds all of it or nothing.
  reached.validations.push(record);
  if (values !== undefined) reached.best = { step, value, values };
  options.onEvent?.({ kind: 'validation', record });
}

/** The monitored figure since the stage of the next step began. */
function stageFigures({ plan }: TrainOptions, { step, validations }: Reached): number[] {
  const { stageStep } = stageAt(plan, step);
  return validations.filter((record) => record.step > step - stageStep).map((record) => monitored(plan, record));
}

/** Whether every step has been taken, or the last stage has stalled for as long as the plan lets it. */
function isOver(options: TrainOptions, reached: Reached): boolean {
  const { plan } = options;
  if (reached.step === totalSteps(plan)) return true;
  const isLast = stageAt(plan, reached.step).stage === plan.stages.at(-1);
  if (plan.earlyStopping === null || !isLast) return false;
  return validationsSinceBest(stageFigures(options, reached)) >= plan.earlyStopping;
}

/** Does what falls due after the steps so far and has not been done: a validation, a checkpoint. */
async function settle(run: Run, reached: Reached): Promise<void> {
  const { plan } = run.options;
  const [total, { step }] = [totalSteps(plan), reached];
  const isNew = step > 0 && reached.validations.at(-1)?.step !== step;
  if (isNew && isDue(step, plan.validateEvery, total)) await validateAndKeep(run, reached);
  if (step > 0 && isDue(step, plan.checkpointEvery, total)) await save(run, reached);
}

/** One optimizer step. */
async function advance({ options, optimizer, context }: Run, reached: Reached): Promise<void> {
  const { plan, onEvent } = options;
  if (stageAt(plan, reached.step).stageStep === 0) optimizer.reset();
  const record = await runStep(context, reached.step, stageFigures(options, reached));
  reached.history.push(record);
  reached.step += 1;
  onEvent?.({ kind: 'step', record, totalSteps: totalSteps(plan) });
}

/** Steps and what falls due after them, until the run is over. */
async function runToEnd(run: Run, reached: Reached): Promise<void> {
  await settle(run, reached);
  while (!isOver(run.options, reached)) {
    await yieldToEvents(run.options.signal);
    await advance(run, reached);
    await settle(run, reached);
  }
}

async function runSteps(run: Run): Promise<TrainResult> {
  const reached = await begin(run);
  try {
    await runToEnd(run, reached);
  } catch (error) {
    // The signal is heeded at boundaries alone: what is reached then is whole.
    const { signal } = run.options;
    if (signal?.aborted === true && error === signal.reason) await save(run, reached);
    throw error;
  }
  await save(run, reached);
  const { step, history, validations, best, saved } = reached;
  if (best !== undefined) assignValues(run.variables, best.values);
  const untrained = await withoutGradient(run.variables, run.optimizer);
  return { steps: step, chosenStep: best?.step ?? step, history, validations, checkpoint: saved?.folder, untrained };
}

/**
 * Trains a student, with bridges by distillation from the teacher, without them on the task alone. Displays nothing: what
 * happens is told to `onEvent`. The same options, engine and threads give the same parameters byte for byte, also when the
 * run was interrupted and resumed: a validation that was cut short is done again. An aborted signal, seen between steps and
 * between the micro-batches of a validation, writes a checkpoint and throws its reason.
 * @throws BadInput when there is nothing to train on, a loss, a gradient or a prediction on VAL is not finite (the last
 * checkpoint stays as it is), or a checkpoint does not belong to the run.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  checkOptions(options);
  const { student, bridges, data, plan, standardisation } = options;
  const variables = trainedVariables(student, bridges);
  const trained = [...variables.values()];
  const optimizer = createAdamW(trained, plan.optimizer);
  const trainStep = createTrainStep({
    student,
    bridges,
    variables: trained,
    optimizer,
    max_grad_norm: plan.max_grad_norm,
    objective: objectiveOf(options),
  });
  const predictor = createPredictor(student);
  const withTeacher = bridges.length > 0;
  try {
    return await runSteps({
      options,
      variables,
      optimizer,
      context: { plan, data, pools: poolsOf(data, plan), standardisation, trainStep, withTeacher },
      predictor,
      stored: new Map([...variables, ['adamw.m', optimizer.moments.m], ['adamw.v', optimizer.moments.v]]),
      fingerprint: fingerprintOf(options, variables),
    });
  } finally {
    predictor.dispose();
    trainStep.dispose();
    optimizer.dispose();
  }
}
