import type * as tf from '@tensorflow/tfjs';
import { roomBytes } from './data/frame_source.js';
import type { DecodedStudy } from './data/frames.js';
import { preprocess } from './data/preprocess.js';
import type { GreyImage, StudySet } from './data/study.js';
import { compile } from './engine/compile.js';
import { describeEngine } from './engine/describe.js';
import { memory } from './engine/memory.js';
import { featureBytes, longFeaturesAdvice } from './feature_cost.js';
import { formatSeconds, monotonicMs } from './host/clock.js';
import { warn } from './host/log.js';
import * as siglip from './models/siglip_vision.js';
import { openingPrecision } from './precision.js';
import { precisionErrors } from './precision_errors.js';
import { formatSignificant } from './report/numbers.js';
import { table } from './report/table.js';
import type { Experiment, Preprocessing } from './schema/generated/experiment.js';
import type { ConduitBody, ReportTable } from './schema/generated/reports.js';
import { buildStudent } from './student_model.js';
import { choosePrefix } from './student_prefix.js';
import { preprocessingOf } from './training_data.js';
import { trainingCost } from './training_cost.js';
import { disposeParams } from './tree/params.js';
import { openTeacher } from './weights.js';

/** Seconds of one call after a first one that compiles. */
async function secondsOf(call: () => Promise<void>): Promise<number> {
  await call();
  const begun = monotonicMs();
  await call();
  return (monotonicMs() - begun) / 1000;
}

async function dispose(tensors: readonly tf.Tensor[]): Promise<void> {
  await tensors[0]?.data();
  tensors.forEach((tensor) => tensor.dispose());
}

/** Seconds that the teacher takes for a frame, measured on one. */
async function teacherSeconds(experiment: Experiment, { frames: { ED } }: DecodedStudy): Promise<number> {
  const { weights } = experiment.teacher;
  const { params, config } = openTeacher(weights, experiment.seed, openingPrecision(experiment));
  const features = ['last_hidden_state'];
  const forward = compile((images: tf.Tensor4D) =>
    Object.values(siglip.forward(params, images, config, { features, interpolatePosEncoding: true })),
  );
  const images = preprocess([ED], preprocessingOf(experiment.teacher.preprocessing));
  const seconds = await secondsOf(() => dispose(forward(images)));
  images.dispose();
  forward.dispose();
  disposeParams(params);
  return seconds;
}

/** Seconds of the student's forward pass over a micro-batch, measured. */
async function studentSeconds(experiment: Experiment, { frames }: DecodedStudy): Promise<number> {
  const model = buildStudent(experiment, []);
  const batch = (frame: GreyImage): tf.Tensor4D => {
    const images = new Array<GreyImage>(experiment.training.batch_size).fill(frame);
    return preprocess(images, preprocessingOf(experiment.student.preprocessing));
  };
  const [ED, ES] = [batch(frames.ED), batch(frames.ES)];
  const forward = compile((a: tf.Tensor4D, b: tf.Tensor4D) => [model.forward({ ED: a, ES: b }).targets]);
  const seconds = await secondsOf(() => dispose(forward(ED, ES)));
  ED.dispose();
  ES.dispose();
  forward.dispose();
  model.dispose();
  return seconds;
}

/** A training pass over a forward one: forward, the gradient of the inputs and that of the adapters. */
const trainingFactor = 3;

/** What the chosen precision costs in exactness, on one frame. */
function errorTables(experiment: Experiment, { frames: { ED } }: DecodedStudy): ReportTable[] {
  const of = (preprocessing: Preprocessing): tf.Tensor4D => preprocess([ED], preprocessingOf(preprocessing));
  const images = { teacher: of(experiment.teacher.preprocessing), student: of(experiment.student.preprocessing) };
  const errors = precisionErrors(experiment, images);
  images.teacher.dispose();
  images.student.dispose();
  return errors === undefined ? [] : [errors];
}

/** A number in millions. */
function formatMega(value: number): string {
  return `${formatSignificant(value / 1e6)} M`;
}

/** Whether the student's frozen blocks are computed once, of all frames that training sees again and again. */
function prefixBody(experiment: Experiment, { studies }: StudySet): NonNullable<ConduitBody['prefix']> {
  const frames = 2 * studies.filter(({ split }) => split !== 'TEST').length;
  const { prefix, reason } = choosePrefix(experiment, frames);
  if (prefix === undefined) return { after: null, reason, maps: [], disk_MB: 0, share: 0 };
  const { after, known, bytes, share } = prefix;
  return { after, reason: null, maps: [after, ...known], disk_MB: (frames * bytes) / 1e6, share };
}

function prefixText({ after, reason, maps, disk_MB, share }: NonNullable<ConduitBody['prefix']>): string {
  if (after === null) return `computed in every pass: ${reason ?? ''}`;
  const saved = `${formatSignificant(100 * share)} % of a forward pass`;
  return `computed once up to ${after}: saves ${saved}, keeps ${maps.join(', ')} in ${formatSignificant(disk_MB)} MB`;
}

/** What a run will take, for the report and for people. */
interface RunEstimate {
  readonly body: Required<Pick<ConduitBody, 'device' | 'estimates' | 'prefix'>>;
  readonly tables: ReportTable[];
  readonly notes: string[];
}

/** How many passes training takes, and how many frames have which features. */
function workOf({ training }: Experiment, { studies }: StudySet) {
  return {
    frames: 2 * studies.length,
    trainFrames: 2 * studies.filter(({ split }) => split === 'TRAIN').length,
    passes: training.steps * training.accumulation_steps * (training.baseline ? 2 : 1),
  };
}

/**
 * Time, memory and disk that a run will take, from one frame through the teacher and one micro-batch through the student; warns
 * where it will take long.
 */
export async function estimateRun(
  experiment: Experiment,
  precision: NonNullable<ConduitBody['precision']>,
  set: StudySet,
  example: DecodedStudy,
): Promise<RunEstimate> {
  const engine = await describeEngine();
  const { frames, trainFrames, passes } = workOf(experiment, set);
  const idle = memory().rssMB;
  const featureSeconds = frames * (await teacherSeconds(experiment, example));
  const perPass = await studentSeconds(experiment, example);
  const working = memory().peakRssMB;
  const prefix = prefixBody(experiment, set);
  const trainSeconds = passes * perPass * trainingFactor * (1 - prefix.share);
  const state = trainingCost(experiment);
  const pixels = Math.min(frames * example.frames.ED.data.length, roomBytes);
  const estimates = {
    seconds: featureSeconds + trainSeconds,
    memory_MB: idle + trainingFactor * (working - idle) + (pixels + state.memoryBytes) / 1e6,
    disk_MB: (trainFrames * featureBytes(experiment) + state.diskBytes) / 1e6 + prefix.disk_MB,
  };
  const rows = [
    { what: 'device', value: `${engine.device}, ${engine.processor.threads} threads` },
    { what: 'precision', value: `${precision.chosen}: ${precision.reason}` },
    { what: 'teacher features', value: `${formatSeconds(featureSeconds)} for ${frames} frames` },
    { what: 'training', value: `${formatSeconds(trainSeconds)} for ${passes} passes` },
    { what: 'frozen student blocks', value: prefixText(prefix) },
    { what: 'memory', value: `${Math.round(estimates.memory_MB)} MB` },
    {
      what: 'trained state',
      value: `${formatMega(state.parameters)} parameters, ${formatMega(state.memoryBytes)}B of the memory`,
    },
    {
      what: 'disk',
      value: `${formatMega(1e6 * estimates.disk_MB)}B, at most ${formatMega(state.diskBytes)}B of it checkpoints`,
    },
  ];
  const notes = [
    `Measured on one frame and one micro-batch; a training pass counts as ${trainingFactor} forward passes. ` +
      'Features that the cache has already take no time.',
  ];
  const advice = longFeaturesAdvice(featureSeconds, frames, engine.device);
  if (advice !== undefined) {
    warn(advice);
    notes.push(advice);
  }
  const tables = [table('estimates', 'Device, precision, estimates', rows), ...errorTables(experiment, example)];
  return { body: { device: engine.device, estimates, prefix }, tables, notes };
}
