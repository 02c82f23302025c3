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
import { stageAt, totalSteps, type TrainPlan } from './plan.js';
import { createPredictor, predictionErrors, predictTargets, type Predictor } from './predict.js';
import { poolsOf, runStep, type StepContext } from './run_step.js';
import type { Bridge, Student } from './student.js';
import type { Standardisation } from './targets.js';
import { createTrainStep, type Objective } from './train_step.js';
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

/** Errors on VAL as the parameters stand; undefined where nothing there is labelled. */
async function validate(
  { data, plan, standardisation, signal }: TrainOptions,
  predictor: Predictor,
  step: number,
): Promise<ValidationRecord | undefined> {
  const indices = data.validation.filter((index) => data.studies[index]?.targets !== null);
  if (indices.length === 0) return undefined;
  const predicted = await predictTargets(predictor, data, indices, plan.batch, standardisation, signal);
  return { step, ...predictionErrors(predicted, labelsOf(data, indices), standardisation) };
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
  /** The last checkpoint. */
  saved: { readonly step: number; readonly folder: string } | undefined;
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
  return { step, history: [...history], validations: [...validations], best, saved: { step, folder } };
}

/** Writes a checkpoint, unless there are to be none or this step has one. */
async function save({ options, stored, fingerprint }: Run, reached: Reached): Promise<void> {
  const { checkpoints, onEvent } = options;
  if (checkpoints === undefined || reached.saved?.step === reached.step) return;
  const { step, history, validations, best } = reached;
  const state: TrainState = { step, history, validations, best };
  const folder = await writeCheckpoint(checkpoints.folder, stored, state, fingerprint, checkpoints.writeModel);
  if (checkpoints.keep !== undefined) await pruneCheckpoints(checkpoints.folder, checkpoints.keep, best);
  reached.saved = { step, folder };
  onEvent?.({ kind: 'checkpoint', step, folder });
}

/** Validates the parameters as they stand and keeps them if they are the best so far. */
async function validateAndKeep({ options, variables, predictor }: Run, reached: Reached): Promise<void> {
  const { step, best } = reached;
  const record = await validate(options, predictor, step);
  if (record === undefined) return;
  reached.validations.push(record);
  options.onEvent?.({ kind: 'validation', record });
  if (best !== undefined && !(record.task < best.task)) return;
  reached.best = { step, task: record.task, values: await valuesOf(variables) };
}

/** Losses on VAL since the stage of the next step began. */
function stageLosses({ plan }: TrainOptions, { step, validations }: Reached): number[] {
  const { stageStep } = stageAt(plan, step);
  return validations.filter((record) => record.step > step - stageStep).map(({ task }) => task);
}

/** Whether every step has been taken, or the last stage has stalled for as long as the plan lets it. */
function isOver(options: TrainOptions, reached: Reached): boolean {
  const { plan } = options;
  if (reached.step === totalSteps(plan)) return true;
  const isLast = stageAt(plan, reached.step).stage === plan.stages.at(-1);
  if (plan.earlyStopping === null || !isLast) return false;
  return validationsSinceBest(stageLosses(options, reached)) >= plan.earlyStopping;
}

/** One optimizer step and what falls due after it. */
async function advance(run: Run, reached: Reached): Promise<void> {
  const { options, optimizer, context } = run;
  const { plan, onEvent } = options;
  const total = totalSteps(plan);
  if (stageAt(plan, reached.step).stageStep === 0) optimizer.reset();
  const record = await runStep(context, reached.step, stageLosses(options, reached));
  reached.history.push(record);
  reached.step += 1;
  onEvent?.({ kind: 'step', record, totalSteps: total });
  if (isDue(reached.step, plan.validateEvery, total)) await validateAndKeep(run, reached);
  if (isDue(reached.step, plan.checkpointEvery, total)) await save(run, reached);
}

function objectiveOf({ plan, standardisation }: TrainOptions): Objective {
  const { consistency: weight, ...losses } = plan.losses;
  return { ...losses, consistency: weight > 0 ? { weight, standardisation } : null };
}

async function runSteps(run: Run): Promise<TrainResult> {
  const reached = await begin(run);
  while (!isOver(run.options, reached)) {
    try {
      await yieldToEvents(run.options.signal);
    } catch (interrupted) {
      await save(run, reached);
      throw interrupted;
    }
    await advance(run, reached);
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
 * run was interrupted and resumed. An aborted signal writes a checkpoint and throws its reason.
 * @throws BadInput when there is nothing to train on, a loss is not finite, or a checkpoint does not belong to the run.
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
