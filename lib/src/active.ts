import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { writeAdapterFolder } from './adapter_folder.js';
import type { Assessment } from './analysis/assessment.js';
import { formatPredictions, type PredictionRow } from './analysis/predictions.js';
import { planBridges, type PlannedBridge } from './bridges.js';
import { runConduit } from './conduit.js';
import { currentRun } from './current_run.js';
import { newestTimestampFolder, stepsDone } from './distill/checkpoint.js';
import { openEventLog } from './distill/event_log.js';
import type { TrainEvent } from './distill/events.js';
import { canTrain, openEngine } from './engine/open.js';
import { writeFileAtomic } from './files/atomic.js';
import { sha256File } from './files/hash.js';
import { readJsonObject } from './files/json.js';
import { assessTest, comparisonSection, metricsSection } from './findings.js';
import { formatSeconds } from './host/clock.js';
import { BadInput } from './host/errors.js';
import { startProgress } from './host/progress.js';
import { kernelPort } from './jupyter/kernel.js';
import { LivePlot } from './jupyter/live_plot.js';
import { add, finishPhase, notYet, startPhase, stoppable, type Phase, type Section } from './phase.js';
import { curriculumFigure, lossFigure, validationFigure } from './report/figures/training.js';
import { readReport } from './report/report.js';
import { table } from './report/table.js';
import { runPath, type Run } from './run_folder.js';
import { recordNotebooks } from './run_record.js';
import type { ActiveBody } from './schema/generated/reports.js';
import { trainedEncoder } from './student_files.js';
import { predictionRows, runStudent, type StudentRun, type TrainedModel } from './student_run.js';
import { prefixMaps, studentPrefix, type PrefixMaps } from './student_prefix.js';
import { openStudies } from './studies.js';
import { locateWeights, weightsHash } from './weights.js';
import { teacherFeatures, type TeacherFeatures } from './teacher_features.js';
import { fitTeacherProbe, probeNotes, probeTable, type TeacherProbe } from './teacher_probe.js';
import { openFramePool, type FramePool } from './data/frame_pool.js';
import { openFrameSource } from './data/frame_source.js';
import type { StudySet } from './data/study.js';
import { cohortOf, cohortSizes, decodeAll, unreadableTable, type Cohort } from './training_data.js';

export interface ActiveOptions {
  /** Goes on from the newest checkpoints of the run. */
  readonly resume?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Active under way. */
export interface Active extends Phase<'active'> {
  readonly options: ActiveOptions;
  /** Decodes the frames of the cohort. */
  readonly pool: FramePool;
  readonly cohort: Cohort;
  readonly planned: readonly PlannedBridge[];
  /** Whether Conduit found it worth keeping what the student's frozen blocks make of the frames. */
  readonly keepsPrefix: boolean;
  features: TeacherFeatures | undefined;
  prefix: PrefixMaps | undefined;
  probe: TeacherProbe | undefined;
  readonly runs: StudentRun[];
  rows: readonly PredictionRow[];
  assessment: Assessment | undefined;
}

/** Begins Active in a run, by default the current one; Conduit runs first with defaults where it has not. Decodes all frames. */
export async function start(given?: Run, options: ActiveOptions = {}): Promise<Active> {
  const run = given ?? (await currentRun());
  const engine = await openEngine();
  if (!canTrain(engine)) {
    throw new BadInput({
      where: `engine ${engine}`,
      expected: 'one that trains',
      got: 'one that only infers',
      fix: 'install a C++ compiler and run "node kernels/setup.mjs" again (environment.md)',
    });
  }
  return stoppable(options.signal, (signal) => begin(run, options, signal));
}

/** The cohort of a data set with the pool that decodes its frames, which the caller closes. */
async function decodeCohort({ studies }: StudySet, labelled: number | null, signal: AbortSignal | undefined) {
  const pool = openFramePool(undefined, signal);
  try {
    const found = await decodeAll(pool, studies, signal);
    return { pool, found, cohort: cohortOf(found.decoded, openFrameSource(pool), labelled) };
  } catch (error) {
    await pool.close();
    throw error;
  }
}

async function begin(run: Run, options: ActiveOptions, signal: AbortSignal | undefined): Promise<Active> {
  await runConduit(run, signal);
  const phase = startPhase('active', run);
  // What Conduit chose on this machine, and showed.
  const { precision, prefix } = readReport(run.folder, 'conduit').body;
  const experiment = { ...phase.experiment, precision: precision.chosen };
  const set = await openStudies(experiment, signal);
  const { pool, found, cohort } = await decodeCohort(set, experiment.data.labelled, signal);
  add(phase, { tables: unreadableTable(found) });
  const planned = planBridges(experiment);
  const keepsPrefix = typeof prefix?.after === 'string';
  const nothingYet = {
    features: undefined,
    prefix: undefined,
    probe: undefined,
    runs: [],
    rows: [],
    assessment: undefined,
  };
  return { ...phase, experiment, options, pool, cohort, planned, keepsPrefix, ...nothingYet };
}

/** What the student's frozen blocks make of TRAIN and VAL, where that is kept. */
async function keepPrefix(
  { experiment, cohort, keepsPrefix }: Active,
  signal: AbortSignal | undefined,
): Promise<PrefixMaps | undefined> {
  const prefix = keepsPrefix ? studentPrefix(experiment) : undefined;
  if (prefix === undefined) return undefined;
  const { train, validation } = cohort;
  return prefixMaps(experiment, prefix, cohort, [...train, ...validation], signal);
}

/**
 * The teacher's features of every frame, from the cache or computed now: the bridges' of TRAIN, the probe's of all. Likewise
 * what the student's frozen blocks make of TRAIN and VAL.
 */
export async function features(phase: Active): Promise<Section> {
  const { experiment, planned, cohort, options } = phase;
  const { validation, test } = cohort;
  phase.features?.close();
  phase.prefix?.close();
  await stoppable(options.signal, async (signal) => {
    phase.features = await teacherFeatures(experiment, planned, cohort, [...validation, ...test], signal);
    phase.prefix = await keepPrefix(phase, signal);
  });
  const { frames, computed } = featuresOf(phase);
  const notes = [`${frames} frames: ${computed} computed now, ${frames - computed} from the cache.`];
  if (phase.prefix !== undefined) {
    const { prefix, frames: kept, computed: now } = phase.prefix;
    notes.push(`Student up to ${prefix.after}: ${kept} frames: ${now} computed now, ${kept - now} from the cache.`);
  }
  if (planned.length === 0) notes.push('No bridges: nothing is distilled.');
  return add(phase, { notes });
}

function featuresOf({ features }: Active): TeacherFeatures {
  if (features === undefined) throw notYet('features');
  return features;
}

/** Fits the linear probe of the teacher, which `evaluate` compares with the students. */
export function teacherProbe(phase: Active): Section {
  phase.probe = fitTeacherProbe(phase.cohort, featuresOf(phase));
  const { body } = phase.probe;
  return add(phase, { tables: [probeTable(body)], notes: probeNotes(body) });
}

function pathIn(phase: Active, path: string): string {
  return relative(phase.run.folder, path);
}

/** The distilled student's files stand in the run folder itself, the baseline's in `baseline/`. */
function folderOf(phase: Active, model: TrainedModel): string {
  return model === 'distilled' ? phase.run.folder : runPath(phase.run, 'baseline');
}

function observe(model: TrainedModel, steps: number): { onEvent(event: TrainEvent): void; end(): void } {
  const progress = startProgress(`Training, ${model}`, steps);
  const title = `${model}: losses`;
  const plot = new LivePlot({ title, xLabel: 'optimizer step', yLabel: 'loss', logY: true });
  return {
    onEvent(event) {
      if (event.kind === 'resumed') progress.skip(event.step, 'resumed');
      if (event.kind === 'step') {
        const { step, task, feature } = event.record;
        if (task !== null) plot.add('task', step, task);
        if (feature !== null) plot.add('features', step, feature);
        progress.advance();
      }
    },
    end() {
      progress.end();
      plot.end();
    },
  };
}

/** Trains a student, after the steps `from` that a checkpoint has, while `metrics.jsonl` and TensorBoard's files record it, and the cell shows it. */
async function trainLogged(phase: Active, model: TrainedModel): Promise<{ run: StudentRun; from: number }> {
  const { experiment, cohort, planned, prefix, features: cached, options } = phase;
  const folder = folderOf(phase, model);
  const resume = options.resume ?? false;
  const log = await openEventLog(phase.run.folder, model, resume ? stepsDone(join(folder, 'checkpoints')) : 0);
  const watch = observe(model, experiment.training.steps);
  let from = 0;
  const onEvent = (event: TrainEvent): void => {
    if (event.kind === 'resumed') from = event.step;
    log.add(event);
    watch.onEvent(event);
  };
  try {
    const teacherHash = weightsHash(locateWeights(experiment.teacher.weights), experiment.seed);
    const context = { experiment, cohort, planned, prefix, features: cached, folder, teacherHash, resume };
    const run = await stoppable(options.signal, (signal) => runStudent({ ...context, signal, onEvent }, model));
    return { run, from };
  } finally {
    log.close();
    watch.end();
  }
}

/** Keeps what was trained, in place of what the same cell trained before. */
function keepRun({ runs }: Active, run: StudentRun): void {
  const at = runs.findIndex(({ model }) => model === run.model);
  if (at < 0) runs.push(run);
  else runs.splice(at, 1, run)[0]?.dispose();
}

/** Trains a student, the distilled or the one without distillation, and shows how it went. */
export async function train(phase: Active, model: TrainedModel): Promise<Section> {
  const { experiment, planned } = phase;
  if (model === 'baseline' && !experiment.training.baseline) {
    return add(phase, { notes: ['The configuration asks for no baseline.'] });
  }
  if (planned.length > 0) featuresOf(phase);
  const { run, from } = await trainLogged(phase, model);
  keepRun(phase, run);
  const body = trainingBody(phase, run);
  const { chosenStep, untrained, steps } = run.result;
  const notes = [
    `${steps} steps, ${from === 0 ? '' : `those after step ${from} `}in ${formatSeconds(run.seconds)}; the parameters of step ${chosenStep} did best on VAL.`,
  ];
  if (untrained.length > 0) notes.push(`Without a gradient: ${untrained.join(', ')}.`);
  const curves = [lossFigure([body], 'task', phase.stamps)];
  if (model === 'distilled' && planned.length > 0) {
    curves.unshift(curriculumFigure(body, phase.stamps), lossFigure([body], 'feature', phase.stamps));
  }
  add(phase, { notes });
  return { figures: curves, notes };
}

function trainingBody({ experiment }: Active, { model, result, seconds }: StudentRun): ActiveBody['training'][number] {
  const validation = result.validations.map(({ step, task, mae }) => ({ step, task, mae: [...mae] }));
  return { model, seed: experiment.seed, steps: result.steps, seconds, history: [...result.history], validation };
}

/** Rows of what is compared with the students: the teacher's probe where it was fitted, the mean of the training labels. */
function referenceRows({ cohort, experiment, probe }: Active): PredictionRow[] {
  const { decoded, standardisation, validation, test } = cohort;
  const indices = [...validation, ...test];
  const mean = new Map(indices.map((i) => [i, standardisation.mean]));
  return [
    ...(probe === undefined ? [] : predictionRows(decoded, probe.predict(indices), 'teacher_probe', experiment.seed)),
    ...predictionRows(decoded, mean, 'mean', experiment.seed),
  ];
}

/** Metrics of every model on TEST with intervals; writes `predictions.csv` (VAL and TEST). */
export async function evaluate(phase: Active): Promise<Section> {
  const { cohort, experiment, runs } = phase;
  if (runs.length === 0) throw notYet('train');
  const ofRuns = runs.flatMap(({ model, predictions }) =>
    predictionRows(cohort.decoded, predictions, model, experiment.seed),
  );
  phase.rows = [...ofRuns, ...referenceRows(phase)];
  await writeFileAtomic(runPath(phase.run, 'predictions.csv'), formatPredictions(phase.rows));
  phase.assessment = await stoppable(phase.options.signal, (signal) => assessTest(phase.rows, experiment, signal));
  const training = runs.map((run) => trainingBody(phase, run));
  phase.body.training = training;
  const curves = [
    lossFigure(training, 'task', phase.stamps),
    ...training.slice(0, 1).map((run) => curriculumFigure(run, phase.stamps)),
    ...(phase.planned.length > 0 ? [lossFigure(training.slice(0, 1), 'feature', phase.stamps)] : []),
    validationFigure(training, 'EF', phase.stamps),
  ];
  add(phase, { figures: curves });
  return add(phase, metricsSection(phase.rows, phase.assessment, phase.stamps));
}

function assessmentOf({ assessment }: Active): Assessment {
  if (assessment === undefined) throw notYet('evaluate');
  return assessment;
}

/** Paired differences between the models. */
export function comparison(phase: Active): Section {
  return add(phase, comparisonSection(assessmentOf(phase), phase.stamps));
}

function bytesOf(folder: string): number {
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { name }) => sum + statSync(join(folder, name)).size, 0);
}

/** The optimizer steps that a checkpoint's model has taken: as it says itself, the full model's are the chosen ones. */
function stepsOf(folder: string, { result }: StudentRun): number {
  const state = join(folder, 'trainer.json');
  return existsSync(state) ? Number(readJsonObject(state)['step']) : result.chosenStep;
}

/** The checkpoints of a model, oldest first; the one with the full model is the last. */
function checkpointBodies(phase: Active, run: StudentRun): ActiveBody['checkpoints'] {
  const { model } = run;
  const parent = join(folderOf(phase, model), 'checkpoints');
  return readdirSync(parent)
    .sort()
    .map((name) => {
      const folder = join(parent, name);
      const path = pathIn(phase, folder);
      return { model, seed: phase.experiment.seed, path, step: stepsOf(folder, run), bytes: bytesOf(folder) };
    });
}

async function adapterBody(phase: Active, run: StudentRun): Promise<ActiveBody['adapters'][number]> {
  const { experiment, cohort, stamps } = phase;
  const parent = join(folderOf(phase, run.model), 'adapters');
  // Written whole before the run was interrupted, it is what this run's would be.
  const found = phase.options.resume === true ? newestTimestampFolder(parent) : undefined;
  const folder = found ?? (await writeAdapterFolder(parent, experiment, cohort, run, assessmentOf(phase), stamps));
  const weights = trainedEncoder(folder)?.file;
  if (weights === undefined) throw new Error(`${folder} holds no trained encoder`);
  return {
    ...{ model: run.model, seed: experiment.seed, path: pathIn(phase, folder), bytes: statSync(weights).size },
    ...{ sha256: sha256File(weights), parameters: run.encoderParameters },
  };
}

/** Writes the adapters, or the encoders that were trained in full, with their model cards and `active.report.json`, and frees what the phase holds. */
export async function finish(phase: Active): Promise<Section> {
  const { experiment, runs } = phase;
  const adapters: ActiveBody['adapters'] = [];
  for (const run of runs) adapters.push(await adapterBody(phase, run));
  Object.assign(phase.body, {
    cohort: cohortSizes(phase.cohort),
    ...{ experiment, seeds: [experiment.seed], ...assessmentOf(phase), adapters },
    checkpoints: runs.flatMap((run) => checkpointBodies(phase, run)),
  });
  const rows = adapters.map(({ sha256, bytes, ...adapter }) => ({
    ...adapter,
    kB: bytes / 1000,
    sha256: sha256.slice(0, 12),
  }));
  const section = add(phase, {
    tables: [table('adapters', experiment.adapter === null ? 'Encoders trained in full' : 'Adapters', rows)],
  });
  const done = await finishPhase(phase, 'Active: training, analysis, adapters');
  phase.features?.close();
  phase.prefix?.close();
  for (const run of runs) run.dispose();
  await phase.pool.close();
  if (kernelPort() !== undefined) await recordNotebooks(phase.run, experiment.seed);
  return { ...done, tables: [...(section.tables ?? []), ...(done.tables ?? [])] };
}

/** The whole phase without a notebook. */
export async function runActive(run: Run, options: ActiveOptions = {}): Promise<void> {
  const phase = await start(run, options);
  await features(phase);
  teacherProbe(phase);
  await train(phase, 'distilled');
  await train(phase, 'baseline');
  await evaluate(phase);
  comparison(phase);
  await finish(phase);
}
