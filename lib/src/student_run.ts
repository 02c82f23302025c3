import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { saveRegressor, type RegressorInfo } from './adapters/regressor_files.js';
import type { ModelName, PredictionRow } from './analysis/predictions.js';
import { buildBridges, regressorBridge, type PlannedBridge } from './bridges.js';
import type { HashedStudy } from './data/frame_source.js';
import { trainingFrames, type TrainingFrames } from './data/training_frames.js';
import type { TrainEvent } from './distill/events.js';
import { hasFullModel, newTimestampFolder } from './distill/checkpoint.js';
import { baselinePlan, planOf, totalSteps } from './distill/plan.js';
import { createPredictor, predictTargets } from './distill/predict.js';
import type { Targets } from './distill/targets.js';
import { train, type TrainResult } from './distill/trainer.js';
import { writeFolderAtomic } from './files/atomic_folder.js';
import { withRoom } from './files/room.js';
import { monotonicMs } from './host/clock.js';
import * as projector from './models/projector.js';
import { openingPrecision } from './precision.js';
import type { Experiment } from './schema/generated/experiment.js';
import { writeEncoder, writeFullModel } from './student_files.js';
import { buildStudent, type StudentModel } from './student_model.js';
import type { PrefixMaps } from './student_prefix.js';
import type { TeacherFeatures } from './teacher_features.js';
import { preprocessingOf, studentImages, trainData, type Cohort } from './training_data.js';
import { trainableVariables } from './tree/params.js';
import type { Params, Spec } from './tree/spec.js';

export type TrainedModel = Extract<ModelName, 'distilled' | 'baseline'>;

/** What both students are trained from. */
export interface TrainingContext {
  readonly experiment: Experiment;
  readonly cohort: Cohort;
  readonly planned: readonly PlannedBridge[];
  readonly features: TeacherFeatures | undefined;
  /** What the student's frozen blocks make of TRAIN and VAL; undefined: training computes it in every pass. */
  readonly prefix: PrefixMaps | undefined;
  /** sha256 of the teacher's weights. */
  readonly teacherHash: string;
  /** Takes `adapters/` and `checkpoints/`. */
  readonly folder: string;
  readonly resume: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent: (event: TrainEvent, totalSteps: number) => void;
}

/** A trained student: what training said, and how to write it. */
export interface StudentRun {
  readonly model: TrainedModel;
  readonly result: TrainResult;
  readonly seconds: number;
  /** Values of the encoder that were trained. */
  readonly encoderParameters: number;
  /** EDV, ESV (mL) and EF (%) of the studies with these indices. */
  readonly predictions: ReadonlyMap<number, Targets>;
  /** Adds the files of the encoder (an adapter, or the whole of one trained in full) and of the regressor to a folder. */
  writeModel(folder: string): Promise<void>;
  dispose(): void;
}

interface Trainable {
  readonly student: StudentModel;
  readonly bridges: ReturnType<typeof buildBridges>;
  readonly planned: readonly PlannedBridge[];
}

/** What is known of the frames that volumes were learned from. */
export function framesLearned({ data, student }: Experiment, { decoded, train, studies }: Cohort): TrainingFrames {
  const labelled = train.filter((study) => studies[study]?.targets !== null);
  const frames = labelled.map((study) => (decoded[study] as HashedStudy).geometry);
  return trainingFrames(data.dataset, frames, student.preprocessing);
}

function regressorInfo(
  { experiment, cohort }: TrainingContext,
  { student, planned }: Pick<Trainable, 'student' | 'planned'>,
): RegressorInfo {
  const { mean, std } = cohort.standardisation;
  const views = new Set(cohort.decoded.map(({ study }) => study.view));
  return {
    targets: ['EDV', 'ESV', 'EF'],
    mean,
    std,
    frameOrder: ['ED', 'ES'],
    view: [...views].sort().join(', '),
    fusionSize: experiment.student.fusion_size,
    base: {
      weights: experiment.student.weights,
      seed: experiment.seed,
      sha256: student.sha256,
      precision: openingPrecision(experiment),
    },
    preprocessing: { ...experiment.student.preprocessing },
    bridges: planned.map(regressorBridge),
    trainingFrames: framesLearned(experiment, cohort),
  };
}

/** Writes regressor.json and regressor.safetensors. */
async function writeRegressor(context: TrainingContext, { student, bridges, planned }: Trainable, folder: string) {
  const { fusion, heads } = student.params;
  const projectors: Record<string, Params> = {};
  const projectorSpecs: Record<string, Spec> = {};
  for (const [i, { name, projector: config }] of planned.entries()) {
    projectors[name] = bridges.bridges[i]?.params as Params;
    projectorSpecs[name] = projector.spec(config);
  }
  const spec = { fusion: student.spec.fusion, heads: student.spec.heads, projectors: projectorSpecs };
  await saveRegressor(folder, { fusion, heads, projectors }, spec, regressorInfo(context, { student, planned }));
}

function trainableOf({ experiment, planned }: TrainingContext, model: TrainedModel): Trainable {
  const used = model === 'distilled' ? planned : [];
  const student = buildStudent(experiment, [...new Set(used.map(({ config }) => config.student))]);
  return { student, planned: used, bridges: buildBridges(used, experiment.seed) };
}

async function predictAll(context: TrainingContext, student: StudentModel): Promise<Map<number, Targets>> {
  const { cohort, experiment, signal } = context;
  const indices = [...cohort.validation, ...cohort.test];
  const predictor = createPredictor(student);
  try {
    const images = studentImages(cohort, preprocessingOf(experiment.student.preprocessing));
    const batch = experiment.training.batch_size;
    const predicted = await predictTargets(predictor, images, indices, batch, cohort.standardisation, signal);
    return new Map(indices.map((index, i) => [index, predicted[i] as Targets]));
  } finally {
    predictor.dispose();
  }
}

/** What a checkpoint has to share with a run that goes on from it, beyond plan and studies. */
function identityOf({ experiment, planned, teacherHash }: TrainingContext, { sha256 }: StudentModel): string {
  const { teacher, student } = experiment;
  const bridges = planned.map(({ config }) => config);
  const precision = openingPrecision(experiment);
  return JSON.stringify([sha256, teacherHash, precision, teacher.preprocessing, student.preprocessing, bridges]);
}

/** What each bridge matches of some TRAIN studies. */
function matchedMaps({ experiment, features }: TrainingContext, studies: readonly number[]): tf.Tensor4D[] {
  if (features === undefined) throw new Error("the teacher's features are not there yet: run features(phase) first");
  return experiment.bridges.map((bridge) => features.matched(bridge, studies));
}

/** Writes the student as a checkpoint that needs nothing else, with the regressor's files; an interrupted run may have it already. */
async function writeFull(context: TrainingContext, trainable: Trainable, checkpoints: string): Promise<void> {
  if (context.resume && hasFullModel(checkpoints)) return;
  await mkdir(checkpoints, { recursive: true });
  const full = newTimestampFolder(checkpoints);
  await withRoom(`the full model ${full}`, () =>
    writeFolderAtomic(full, async (target) => {
      await writeFullModel(target, trainable.student);
      // Of an encoder that was trained in full the full model holds everything already.
      if (trainable.student.lora !== null) await writeEncoder(target, trainable.student);
      await writeRegressor(context, trainable, target);
    }),
  );
}

async function trainAndPredict(
  context: TrainingContext,
  model: TrainedModel,
  trainable: Trainable,
): Promise<Omit<StudentRun, 'dispose'>> {
  const { experiment, cohort, prefix, folder, resume, signal, onEvent } = context;
  const { student, bridges } = trainable;
  const distilling = planOf(experiment);
  const plan = model === 'distilled' ? distilling : baselinePlan(distilling);
  const writeModel = async (target: string): Promise<void> => {
    await writeEncoder(target, student);
    await writeRegressor(context, trainable, target);
  };
  const begun = monotonicMs();
  const checkpoints = join(folder, 'checkpoints');
  const result = await train({
    student: prefix === undefined ? student : student.after(prefix.prefix),
    bridges: bridges.bridges,
    data: trainData(experiment, cohort, (studies) => matchedMaps(context, studies), prefix?.pairs),
    standardisation: cohort.standardisation,
    plan,
    identity: identityOf(context, student),
    checkpoints: { folder: checkpoints, resume, keep: experiment.training.keep_checkpoints, writeModel },
    onEvent: (event) => onEvent(event, totalSteps(plan)),
    ...(signal === undefined ? {} : { signal }),
  });
  const seconds = (monotonicMs() - begun) / 1000;
  await writeFull(context, trainable, checkpoints);
  const trained = [...trainableVariables(student.params.backbone).values()];
  return {
    model,
    result,
    seconds,
    encoderParameters: trained.reduce((sum, { size }) => sum + size, 0),
    predictions: await predictAll(context, student),
    writeModel,
  };
}

/**
 * Trains one student and predicts VAL and TEST; the baseline takes as many steps without the teacher. Whoever runs it disposes
 * the result; where it fails it leaves no tensors.
 */
export async function runStudent(context: TrainingContext, model: TrainedModel): Promise<StudentRun> {
  const trainable = trainableOf(context, model);
  const dispose = (): void => {
    trainable.student.dispose();
    trainable.bridges.dispose();
  };
  try {
    return { ...(await trainAndPredict(context, model, trainable)), dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Rows of `predictions.csv` of one model from predictions by study index. */
export function predictionRows(
  decoded: Cohort['decoded'],
  predictions: ReadonlyMap<number, Targets>,
  model: ModelName,
  seed: number,
): PredictionRow[] {
  return [...predictions].map(([index, [EDV_pred, ESV_pred, EF_pred]]) => {
    const { id, patient, view, split, EDV, ESV, EF } = (decoded[index] as HashedStudy).study;
    return { study: id, patient, view, split, model, seed, EDV, ESV, EF, EDV_pred, ESV_pred, EF_pred };
  });
}
