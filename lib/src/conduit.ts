import { bytesAt, planBridges } from './bridges.js';
import { studiesCsv } from './data/dataset.js';
import type { Augmentation } from './data/augment.js';
import { extractEach } from './data/extract_each.js';
import { openFramePool } from './data/frame_pool.js';
import { openFrameSource } from './data/frame_source.js';
import type { DecodedStudy } from './data/frames.js';
import type { StudySet } from './data/study.js';
import { datasetManifest } from './dataset_manifests.js';
import { plannedSettings, planOf } from './distill/plan.js';
import { openEngine } from './engine/open.js';
import { estimateRun } from './estimates.js';
import { writeFileAtomic } from './files/atomic.js';
import { readJson } from './files/json.js';
import { BadInput } from './host/errors.js';
import { projectPath } from './host/places.js';
import { kernelPort } from './jupyter/kernel.js';
import { schemaForm, type FormSchema } from './jupyter/widgets_form.js';
import { add, finishPhase, hasReport, saveExperiment, startPhase, type Phase, type Section } from './phase.js';
import type { Figure } from './report/figure.js';
import { bridgesFigure } from './report/figures/bridges.js';
import { labelsFigure } from './report/figures/labels.js';
import { frameMontage } from './report/figures/montage.js';
import { curriculumFigure } from './report/figures/training.js';
import { bridgesTable } from './report/result_tables.js';
import { table } from './report/table.js';
import { experimentPrecision } from './precision.js';
import { runReservoir } from './reservoir.js';
import { currentRun, runPath, type Run } from './run_folder.js';
import type { ConduitBody } from './schema/generated/reports.js';
import { validate } from './schema/validate.js';
import { openStudies } from './studies.js';
import { showDataTerms } from './terms.js';
import { teacherFeatures } from './teacher_features.js';
import { fitTeacherProbe, probeNotes, probeTable } from './teacher_probe.js';
import { cohortOf, decodeAll, unreadableTable } from './training_data.js';

/** Conduit under way: the data set is read once, and a few studies are decoded. */
export interface Conduit extends Phase<'conduit'> {
  set: StudySet | undefined;
  sample: readonly DecodedStudy[];
}

/** Begins Conduit in a run, by default the current one; Reservoir runs first with defaults where it has not. */
export async function start(run: Run = currentRun()): Promise<Conduit> {
  await openEngine();
  await runReservoir(run);
  return { ...startPhase('conduit', run), set: undefined, sample: [] };
}

/** The hyper-parameters as widgets that write into the phase's configuration; nothing happens outside a kernel. */
export function form({ experiment }: Conduit): void {
  if (kernelPort() === undefined) return;
  const path = projectPath('data-manifests', 'schemas', 'experiment.schema.json');
  const schema = readJson(path) as FormSchema;
  schemaForm(schema, experiment, { only: ['seed', 'precision', 'adapter', 'training', 'analysis'] }).display();
}

/** Reads the data set: counts by split and what is left out, with reasons; writes `studies.csv`. */
export async function studies(phase: Conduit, signal?: AbortSignal): Promise<Section> {
  await showDataTerms(phase.experiment.data.dataset);
  const set = await openStudies(phase.experiment, signal);
  phase.set = set;
  await writeFileAtomic(runPath(phase.run, 'studies.csv'), studiesCsv(set));
  const { licence, terms_url, citation } = datasetManifest(set.dataset);
  const phantom = set.dataset === 'phantom';
  const counts: ConduitBody['counts'] = {};
  for (const { split, usable } of set.verdicts) {
    const count = (counts[split ?? 'none'] ??= { usable: 0, excluded: 0 });
    if (usable) count.usable += 1;
    else count.excluded += 1;
  }
  const excluded = set.verdicts
    .filter(({ usable }) => !usable)
    .map(({ id, view, split, reasons }) => ({ study: id, view, split: split ?? 'none', reasons: [...reasons] }));
  const { notes = [] } = set;
  phase.body.dataset = { name: set.dataset, licence, restricted: !phantom, phantom, notes: [...notes] };
  phase.body.counts = counts;
  phase.body.excluded = excluded;
  const rows = set.studies.map(({ id, view, split, edFrame, esFrame, EDV, ESV, EF }) => ({
    ...{ study: id, view, split, edFrame, esFrame },
    ...{ EDV, ESV, EF },
  }));
  const used = (split: string): number => set.studies.filter((study) => study.split === split).length;
  const overview = Object.entries(counts).map(([split, count]) => ({ split, ...count, used: used(split) }));
  const reasons = excluded.map((study) => ({ ...study, reasons: study.reasons.join('; ') }));
  return add(phase, {
    tables: [
      table('splits', 'Studies by split', overview),
      ...(reasons.length > 0 ? [table('excluded', 'Left out, with reasons', reasons)] : []),
      ...(phantom ? [table('studies', 'Usable studies', rows)] : []),
    ],
    figures: [labelsFigure(set.studies, phase.stamps)],
    notes: [
      ...notes,
      ...(terms_url === null
        ? []
        : [
            `${set.dataset} is used under its provider's terms (${licence}): ${terms_url}. ` +
              'By pointing to the data you say that you hold it under them.',
            `Cite: ${citation}`,
          ]),
    ],
  });
}

function readSet(phase: Conduit): StudySet {
  if (phase.set === undefined) throw new Error('the studies have not been read yet: run studies(phase) first');
  return phase.set;
}

const pictured = 6;

/** The first studies whose frames can be decoded, and why the ones before them cannot. */
async function decodeSample({ studies, root }: StudySet, signal: AbortSignal | undefined) {
  const sample: DecodedStudy[] = [];
  const unreadable: string[] = [];
  for await (const extraction of extractEach(openFramePool(0), studies, signal)) {
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
export async function frames(phase: Conduit, signal?: AbortSignal): Promise<Section> {
  const { sample, unreadable } = await decodeSample(readSet(phase), signal);
  phase.sample = sample;
  const pairs = sample.map(({ study, frames: { ED, ES } }) => {
    const caption = `EDV ${study.EDV.toFixed(0)} mL, ESV ${study.ESV.toFixed(0)} mL, EF ${study.EF.toFixed(0)} %`;
    return { study: study.id, ED, ES, caption };
  });
  const leftOut = unreadable.map((reason) => `Left out, its frames cannot be decoded: ${reason}`);
  const decoders = new Set(sample.map(({ frames: { decoder } }) => decoder));
  const { teacher, student } = phase.experiment;
  phase.body.preprocessing = {
    teacher: teacher.preprocessing,
    student: student.preprocessing,
    augmentation: augmentationsOf(phase.experiment.training.augmentation),
  };
  return add(phase, {
    figures: [frameMontage(pairs, 'End-diastolic and end-systolic frames', { notes: phase.stamps })],
    notes: [`Decoded by ${[...decoders].join(' and ')}: only the frames that are needed.`, ...leftOut],
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
  if (example === undefined) throw new Error('no frames have been decoded yet: run frames(phase) first');
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
export async function teacherProbe(phase: Conduit, signal?: AbortSignal): Promise<Section> {
  const experiment = atPrecision(phase);
  const chosen = readSet(phase).studies.filter(({ split }) => split !== 'TEST');
  const pool = openFramePool();
  try {
    const found = await decodeAll(pool, chosen, signal);
    phase.body.decoded = { ...found.decoders };
    const cohort = cohortOf(found.decoded, openFrameSource(pool), experiment.data.labelled);
    const features = await teacherFeatures(experiment, planBridges(experiment), cohort, cohort.validation, signal);
    const { body } = fitTeacherProbe(cohort, features);
    features.close();
    phase.body.probe = body;
    return add(phase, { tables: [probeTable(body), ...unreadableTable(found)], notes: probeNotes(body) });
  } finally {
    await pool.close();
  }
}

/** Checks the configuration as it stands, writes `experiment.json` and `conduit.report.json`. */
export async function finish(phase: Conduit): Promise<Section> {
  validate('experiment', phase.experiment, 'the configuration');
  await saveExperiment(phase);
  return finishPhase(phase, 'Conduit: studies, frames, bridges, estimates, teacher probe');
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
