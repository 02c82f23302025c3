import { bytesAt, planBridges } from './bridges.js';
import { studiesCsv } from './data/dataset.js';
import type { Augmentation } from './data/augment.js';
import { extractEach } from './data/extract_each.js';
import { openFramePool } from './data/frame_pool.js';
import { openFrameSource } from './data/frame_source.js';
import type { DecodedStudy } from './data/frames.js';
import type { StudySet } from './data/study.js';
import { currentRun, ofConfiguration } from './current_run.js';
import { datasetManifest } from './dataset_manifests.js';
import { plannedSettings, planOf } from './distill/plan.js';
import { openEngine } from './engine/open.js';
import { estimateRun } from './estimates.js';
import { checkExperiment } from './experiment.js';
import { writeFileAtomic } from './files/atomic.js';
import { BadInput } from './host/errors.js';
import { hyperParameterForm } from './hyper_parameter_form.js';
import { kernelPort } from './jupyter/kernel.js';
import { add, finishPhase, hasReport, notYet, startPhase, stoppable, type Phase, type Section } from './phase.js';
import type { Figure } from './report/figure.js';
import { bridgesFigure } from './report/figures/bridges.js';
import { labelsFigure } from './report/figures/labels.js';
import { frameMontage } from './report/figures/montage.js';
import { curriculumFigure } from './report/figures/training.js';
import { bridgesTable } from './report/result_tables.js';
import { settingsTable } from './report/settings_table.js';
import { characteristicsTables, excludedTable, splitsTable, studiesTable } from './report/study_tables.js';
import { table } from './report/table.js';
import { experimentPrecision } from './precision.js';
import { foundFramesTable, leastSureCurves } from './found_frames.js';
import { runReservoir } from './reservoir.js';
import { runPath, type Run } from './run_folder.js';
import type { ConduitBody } from './schema/generated/reports.js';
import { openStudies } from './studies.js';
import { dataTermsNotes, showDataTerms } from './terms.js';
import { teacherFeatures } from './teacher_features.js';
import { fitTeacherProbe, probeNotes, probeTable } from './teacher_probe.js';
import { cohortOf, decodeAll, unreadableTable } from './training_data.js';

/** Conduit under way: the data set is read once, and a few studies are decoded. */
export interface Conduit extends Phase<'conduit'> {
  /** Another one once hyper-parameters changed after training had begun. */
  run: Run;
  set: StudySet | undefined;
  sample: readonly DecodedStudy[];
}

/** Begins Conduit in a run, by default the current one; Reservoir runs first with defaults where it has not. */
export async function start(given?: Run): Promise<Conduit> {
  const run = given ?? (await currentRun());
  await openEngine();
  await runReservoir(run);
  return { ...startPhase('conduit', run), set: undefined, sample: [] };
}

/** The hyper-parameters as widgets that write into the phase's configuration; nothing happens outside a kernel. */
export function form({ experiment }: Conduit): void {
  if (kernelPort() === undefined) return;
  hyperParameterForm(experiment).display('The hyper-parameters as widgets: run this cell to see and change them.');
}

/** Reads the data set: counts by split and what is left out, with reasons; writes `studies.csv`. */
export async function studies(phase: Conduit, given?: AbortSignal): Promise<Section> {
  await showDataTerms(phase.experiment.data.dataset);
  const set = await stoppable(given, (signal) => openStudies(phase.experiment, signal));
  phase.set = set;
  await writeFileAtomic(runPath(phase.run, 'studies.csv'), studiesCsv(set));
  const { licence } = datasetManifest(set.dataset);
  const phantom = set.dataset === 'phantom';
  const counts: ConduitBody['counts'] = {};
  for (const name of ['TRAIN', 'VAL', 'TEST', 'none']) {
    const verdicts = set.verdicts.filter(({ split }) => (split ?? 'none') === name);
    const usable = verdicts.filter((verdict) => verdict.usable).length;
    if (verdicts.length > 0) counts[name] = { usable, excluded: verdicts.length - usable };
  }
  const excluded = set.verdicts
    .filter(({ usable }) => !usable)
    .map(({ id, view, split, reasons }) => ({ study: id, view, split: split ?? 'none', reasons: [...reasons] }));
  const { notes = [] } = set;
  phase.body.dataset = { name: set.dataset, licence, restricted: !phantom, phantom, notes: [...notes] };
  phase.body.counts = counts;
  phase.body.excluded = excluded;
  return add(phase, {
    tables: [
      splitsTable(counts, set.studies),
      ...characteristicsTables(set.studies),
      ...(excluded.length > 0 ? [excludedTable(excluded)] : []),
      ...foundFramesTable(set),
      ...(phantom ? [studiesTable(set.studies)] : []),
    ],
    figures: [labelsFigure(set.studies, phase.stamps)],
    notes: [...notes, ...dataTermsNotes(set.dataset)],
  });
}

function readSet(phase: Conduit): StudySet {
  if (phase.set === undefined) throw notYet('studies');
  return phase.set;
}

const pictured = 6;

/** The first studies whose frames can be decoded, and why the ones before them cannot. */
async function decodeSample({ studies, root }: StudySet, signal: AbortSignal | undefined) {
  const sample: DecodedStudy[] = [];
  const unreadable: string[] = [];
  for await (const extraction of extractEach(openFramePool(0, signal), studies, signal)) {
    if (extraction.kind === 'frames') sample.push(extraction);
    else unreadable.push(extraction.reason);
    if (sample.length === pictured) break;
  }
  if (sample.length > 0) return { sample, unreadable };
  throw new BadInput({ where: root, expected: 'videos that can be decoded', got: `none (${unreadable[0] ?? ''})` });
}

/** The changes of the student's training frames that are on, with their amounts. */
function augmentationsOf(augmentation: Augmentation): string[] {
  return Object.entries(augmentation).flatMap(([name, amount]) => (amount > 0 ? [`${name} ${amount}`] : []));
}

/** ED and ES frames of the first readable studies, decoded just now, as pictures. */
export async function frames(phase: Conduit, given?: AbortSignal): Promise<Section> {
  const set = readSet(phase);
  const { sample, unreadable } = await stoppable(given, (signal) => decodeSample(set, signal));
  phase.sample = sample;
  const pairs = sample.map(({ study, frames: { ED, ES } }) => {
    const caption = `EDV ${study.EDV.toFixed(0)} mL, ESV ${study.ESV.toFixed(0)} mL, EF ${study.EF.toFixed(0)} %`;
    return { study: `${study.id}: frames ${study.edFrame} and ${study.esFrame}`, ED, ES, caption };
  });
  const leftOut = unreadable.map((reason) => `Left out, its frames cannot be decoded: ${reason}`);
  const decoders = new Set(sample.map(({ frames: { decoder } }) => decoder));
  const { teacher, student } = phase.experiment;
  phase.body.preprocessing = {
    teacher: teacher.preprocessing,
    student: student.preprocessing,
    augmentation: augmentationsOf(phase.experiment.training.augmentation),
  };
  const montage = frameMontage(pairs, 'End-diastolic and end-systolic frames', { notes: phase.stamps });
  const curves = await stoppable(given, (signal) => leastSureCurves(set, phase.stamps, signal));
  return add(phase, {
    figures: [montage, ...(curves.figures ?? [])],
    notes: [
      `Decoded by ${new Intl.ListFormat('en').format(decoders)}: only the frames that are needed.`,
      ...leftOut,
      ...(curves.notes ?? []),
    ],
  });
}

/** The weights of the losses as they will be, were the loss on VAL never to stall. */
function plannedCurriculum({ experiment, stamps }: Conduit): Figure {
  const { training } = experiment;
  const stalling = [training.feature_weight, training.task_weight].some(({ kind }) => kind === 'plateau');
  const note = 'A plateau is drawn at its start: it goes on only when the loss on VAL stalls.';
  const history = plannedSettings(planOf(experiment));
  return curriculumFigure({ history, planned: true }, [...stamps, ...(stalling ? [note] : [])]);
}

/** Every bridge with the shapes on both sides, its projector, and the bytes a frame takes on several grids. */
export async function bridges(phase: Conduit): Promise<Section> {
  const planned = planBridges(phase.experiment);
  const dtype = phase.experiment.teacher.feature_dtype;
  const body: ConduitBody['bridges'] = planned.map((bridge) => {
    const { config, shapes, projector, parameters } = bridge;
    const grids = [...new Set([1, 2, 4, 7, 14, 16, config.grid])].filter((grid) => grid <= (shapes.teacher[0] ?? 0));
    return {
      teacher: config.teacher,
      student: config.student,
      grid: [config.grid, config.grid],
      shapes,
      projector: projector.type,
      parameters,
      bytes: bytesAt(bridge, config.grid, dtype),
      bytes_by_grid: grids
        .sort((a, b) => a - b)
        .map((grid) => ({ grid: [grid, grid], bytes: bytesAt(bridge, grid, dtype) })),
    };
  });
  phase.body.bridges = body;
  const byGrid = body.flatMap(({ teacher, student, bytes_by_grid = [] }) =>
    bytes_by_grid.map(({ grid, bytes }) => ({ bridge: `${teacher} → ${student}`, grid: grid.join('×'), bytes })),
  );
  return add(phase, {
    tables: [bridgesTable(body), table('grids', 'Bytes a frame by pooling grid', byGrid)],
    figures: [bridgesFigure(body, phase.stamps), plannedCurriculum(phase)],
  });
}

/** The configuration at the precision that `estimates` chose. */
function atPrecision({ experiment, body }: Conduit): Conduit['experiment'] {
  return body.precision === undefined ? experiment : { ...experiment, precision: body.precision.chosen };
}

/** Device, precision, and what the run will take in time, memory and disk, before anything long starts. */
export async function estimates(phase: Conduit): Promise<Section> {
  const set = readSet(phase);
  const [example] = phase.sample;
  if (example === undefined) throw notYet('frames');
  const precision = await experimentPrecision(phase.experiment);
  phase.body.precision = precision;
  const { body, ...section } = await estimateRun(atPrecision(phase), precision, set, example);
  Object.assign(phase.body, body);
  return add(phase, section);
}

/**
 * What a linear model reads from the frozen teacher: its errors on VAL beside those of the mean. Runs the teacher over all
 * frames of TRAIN and VAL, which is the long part of this phase; Active finds them in the cache.
 */
export function teacherProbe(phase: Conduit, given?: AbortSignal): Promise<Section> {
  return stoppable(given, (signal) => probeTeacher(phase, signal));
}

async function probeTeacher(phase: Conduit, signal: AbortSignal | undefined): Promise<Section> {
  checkExperiment(phase.experiment, 'hyper-parameters');
  const experiment = atPrecision(phase);
  const chosen = readSet(phase).studies.filter(({ split }) => split !== 'TEST');
  const pool = openFramePool(undefined, signal);
  try {
    const found = await decodeAll(pool, chosen, signal);
    phase.body.decoded = { ...found.decoders };
    const cohort = cohortOf(found.decoded, openFrameSource(pool), experiment.data.labelled);
    const features = await teacherFeatures(experiment, planBridges(experiment), cohort, cohort.validation, signal);
    try {
      const { body } = fitTeacherProbe(cohort, features);
      phase.body.probe = body;
      return add(phase, { tables: [probeTable(body), ...unreadableTable(found)], notes: probeNotes(body) });
    } finally {
      features.close();
    }
  } finally {
    await pool.close();
  }
}

/**
 * Checks the configuration as it stands, writes `experiment.json` and `conduit.report.json`: into a new run where training
 * has begun with another configuration.
 */
export async function finish(phase: Conduit): Promise<Section> {
  const { experiment, set, run: former } = phase;
  checkExperiment(experiment, 'hyper-parameters');
  phase.run = await ofConfiguration(former, experiment);
  const notes: string[] = [];
  if (phase.run.folder !== former.folder) {
    await runReservoir(phase.run);
    if (set !== undefined) await writeFileAtomic(runPath(phase.run, 'studies.csv'), studiesCsv(set));
    notes.push(`Training began in ${former.folder} with other hyper-parameters, and keeps them: this is a new run.`);
  }
  const settings = settingsTable(experiment);
  add(phase, { tables: [settings] });
  const done = await finishPhase(phase, 'Conduit: studies, frames, bridges, estimates, teacher probe');
  return { ...done, tables: [settings, ...(done.tables ?? [])], notes: [...notes, ...(done.notes ?? [])] };
}

/** The whole phase without a notebook. */
export async function runConduit(run: Run, signal?: AbortSignal): Promise<void> {
  if (hasReport(run, 'conduit')) return;
  const phase = await start(run);
  await studies(phase, signal);
  await frames(phase, signal);
  await bridges(phase);
  await estimates(phase);
  await teacherProbe(phase, signal);
  await finish(phase);
}
