import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { countLora } from './adapters/lora.js';
import { mergeLora } from './adapters/merge_lora.js';
import { saveParams } from './adapters/param_files.js';
import { saveAdapter } from './adapters/peft_files.js';
import { saveRegressor, type RegressorInfo } from './adapters/regressor_files.js';
import type { ModelName, PredictionRow } from './analysis/predictions.js';
import { buildBridges, regressorBridge, type PlannedBridge } from './bridges.js';
import type { TrainEvent } from './distill/events.js';
import { newTimestampFolder } from './distill/checkpoint.js';
import { baselinePlan, planOf, totalSteps } from './distill/plan.js';
import { createPredictor, predictTargets } from './distill/predict.js';
import type { Targets } from './distill/targets.js';
import { train, type TrainResult } from './distill/trainer.js';
import { writeFolderAtomic } from './files/atomic_folder.js';
import { writeJson } from './files/json.js';
import { withRoom } from './files/room.js';
import { monotonicMs } from './host/clock.js';
import * as projector from './models/projector.js';
import { openingPrecision } from './precision.js';
import type { Experiment } from './schema/generated/experiment.js';
import { buildStudent, type StudentModel } from './student_model.js';
import type { TeacherFeatures } from './teacher_features.js';
import { preprocessingOf, studentImages, trainData, type Cohort, type LoadedStudy } from './training_data.js';
import { disposeParams } from './tree/params.js';
import type { Params, Spec } from './tree/spec.js';

export type TrainedModel = Extract<ModelName, 'distilled' | 'baseline'>;

/** What both students are trained from. */
export interface TrainingContext {
  readonly experiment: Experiment;
  readonly cohort: Cohort;
  readonly planned: readonly PlannedBridge[];
  readonly features: TeacherFeatures | undefined;
  /** sha256 of the teacher's weights. */
  readonly teacherHash: string;
  /** Takes `adapters/` and `checkpoints/`. */
  readonly folder: string;
  readonly resume: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent: (event: TrainEvent, totalSteps: number) => void;
}

/** A trained student: what training said, and how to write its adapter. */
export interface StudentRun {
  readonly model: TrainedModel;
  readonly result: TrainResult;
  readonly seconds: number;
  readonly adapterParameters: number;
  /** EDV, ESV (mL) and EF (%) of the studies with these indices. */
  readonly predictions: ReadonlyMap<number, Targets>;
  /** Adds the adapter's and the regressor's files to a folder. */
  writeModel(folder: string): Promise<void>;
  dispose(): void;
}

interface Trainable {
  readonly student: StudentModel;
  readonly bridges: ReturnType<typeof buildBridges>;
  readonly planned: readonly PlannedBridge[];
}

function regressorInfo({ experiment, cohort }: TrainingContext, planned: readonly PlannedBridge[]): RegressorInfo {
  const { mean, std } = cohort.standardisation;
  const views = new Set(cohort.loaded.map(({ study }) => study.view));
  return {
    targets: ['EDV', 'ESV', 'EF'],
    mean,
    std,
    frameOrder: ['ED', 'ES'],
    view: [...views].sort().join(', '),
    fusionSize: experiment.student.fusion_size,
    preprocessing: { ...experiment.student.preprocessing },
    bridges: planned.map(regressorBridge),
  };
}

/** Writes adapter_config.json, adapter_model.safetensors, regressor.json and regressor.safetensors. */
async function writeModel(context: TrainingContext, { student, bridges, planned }: Trainable, folder: string) {
  await saveAdapter(folder, student.params.backbone, student.spec.backbone, student.lora, student.sha256);
  const { fusion, heads } = student.params;
  const projectors: Record<string, Params> = {};
  const projectorSpecs: Record<string, Spec> = {};
  for (const [i, { name, projector: config }] of planned.entries()) {
    projectors[name] = bridges.bridges[i]?.params as Params;
    projectorSpecs[name] = projector.spec(config);
  }
  const spec = { fusion: student.spec.fusion, heads: student.spec.heads, projectors: projectorSpecs };
  await saveRegressor(folder, { fusion, heads, projectors }, spec, regressorInfo(context, planned));
}

/** Writes the student with its adapters merged, as one checkpoint that needs nothing else. */
export async function writeFullModel(folder: string, student: StudentModel): Promise<void> {
  const merged = mergeLora(student.params);
  await saveParams(join(folder, 'student.safetensors'), merged, student.spec);
  await writeJson(join(folder, 'student.json'), student.config);
  disposeParams(merged);
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
    const images = studentImages(cohort.loaded, preprocessingOf(experiment.student.preprocessing));
    const batch = experiment.training.batch_size;
    const predicted = await predictTargets(predictor, { images }, indices, batch, cohort.standardisation, signal);
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

/** Trains one student and predicts VAL and TEST; the baseline takes as many steps without the teacher. */
export async function runStudent(context: TrainingContext, model: TrainedModel): Promise<StudentRun> {
  const { experiment, cohort, folder, resume, signal, onEvent } = context;
  const trainable = trainableOf(context, model);
  const { student, bridges } = trainable;
  const distilling = planOf(experiment.training, experiment.seed);
  const plan = model === 'distilled' ? distilling : baselinePlan(distilling);
  const write = (target: string): Promise<void> => writeModel(context, trainable, target);
  const begun = monotonicMs();
  const checkpoints = join(folder, 'checkpoints');
  const result = await train({
    student,
    bridges: bridges.bridges,
    data: trainData(experiment, cohort, (studies) => matchedMaps(context, studies)),
    standardisation: cohort.standardisation,
    plan,
    identity: identityOf(context, student),
    checkpoints: { folder: checkpoints, resume, keep: experiment.training.keep_checkpoints, writeModel: write },
    onEvent: (event) => onEvent(event, totalSteps(plan)),
    ...(signal === undefined ? {} : { signal }),
  });
  const seconds = (monotonicMs() - begun) / 1000;
  await mkdir(checkpoints, { recursive: true });
  const full = newTimestampFolder(checkpoints);
  await withRoom(`the full model ${full}`, () =>
    writeFolderAtomic(full, async (target) => {
      await writeFullModel(target, student);
      await write(target);
    }),
  );
  return {
    model,
    result,
    seconds,
    adapterParameters: countLora(student.params.backbone).adapter,
    predictions: await predictAll(context, student),
    writeModel: write,
    dispose: () => {
      student.dispose();
      bridges.dispose();
    },
  };
}

/** Rows of `predictions.csv` of one model from predictions by study index. */
export function predictionRows(
  loaded: readonly LoadedStudy[],
  predictions: ReadonlyMap<number, Targets>,
  model: ModelName,
  seed: number,
): PredictionRow[] {
  return [...predictions].map(([index, [EDV_pred, ESV_pred, EF_pred]]) => {
    const { id, patient, view, split, EDV, ESV, EF } = (loaded[index] as LoadedStudy).study;
    return { study: id, patient, view, split, model, seed, EDV, ESV, EF, EDV_pred, ESV_pred, EF_pred };
  });
}
