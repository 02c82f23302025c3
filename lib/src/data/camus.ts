import { yieldToEvents } from '../host/abort.js';
import { startProgress } from '../host/progress.js';
import { printable } from '../host/text.js';
import { findCamusFolder, locateFile, locateNifti, readCamusSplits } from './camus_layout.js';
import type { CamusFolder, CamusSplits } from './camus_layout.js';
import { readCamusView, type CamusView, type Phase } from './camus_view.js';
import { efDisagreement, efTolerance, labelFaults } from './labels.js';
import { biplaneVolume } from './simpson.js';
import { spread } from './spread.js';
import type { Study, StudySet, Verdict, View } from './study.js';

export interface ReadCamusOptions {
  /** Checks only about this many studies: the views of half as many patients, spread evenly. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const views: readonly View[] = ['2CH', '4CH'];

/** What was found out about one view of a patient: the verdict, and the study if it is usable. */
interface Finding {
  readonly verdict: Verdict;
  readonly study: Study | null;
}

const idOf = (patient: string, view: View): string => `${patient}_${view}`;

function leftOut(id: string, view: View, reason: string): Verdict {
  const unknown = { split: null, edFrame: null, esFrame: null, EDV: null, ESV: null, EF: null };
  return { id, view, usable: false, reasons: [reason], ...unknown };
}

function splitFaults(patient: string, { of, source }: CamusSplits): string[] {
  const found = of(patient);
  if (found.length === 1) return [];
  return found.length === 0
    ? [`split is unknown: ${patient} is not in ${source}`]
    : [`split is not unique: ${patient} is in ${found.join(' and ')}`];
}

/** A view of which nothing is there. */
function isAbsent(folder: CamusFolder, patient: string, view: View): boolean {
  const nifti = ['ED', 'ES', 'ED_gt', 'ES_gt', 'half_sequence'].map((what) => locateNifti(folder, patient, view, what));
  return [...nifti, locateFile(folder, patient, [`Info_${view}.cfg`])].every(({ kind }) => kind === 'missing');
}

type ViewPair = Readonly<Record<View, CamusView | null>>;

/** The biplane volume of a moment, mL; null where a view has no discs. */
function volumeOf({ '2CH': two, '4CH': four }: ViewPair, phase: Phase): number | null {
  const [a, b] = [two?.discs[phase] ?? null, four?.discs[phase] ?? null];
  return a === null || b === null ? null : biplaneVolume(a, b);
}

/** Why there are no biplane volumes, said of a view whose own masks are in order. */
function biplaneFault(pair: ViewPair, view: View): string[] {
  const other: View = view === '2CH' ? '4CH' : '2CH';
  const whole = (found: CamusView | null): boolean => (found?.discs.ED ?? null) !== null && found?.discs.ES !== null;
  return whole(pair[view]) && !whole(pair[other]) ? [`no biplane volumes: the masks of ${other} cannot be used`] : [];
}

function examineView(patient: string, view: View, pair: ViewPair, splits: CamusSplits): Finding {
  const found = pair[view];
  const [split = null] = splits.of(patient);
  const [EDV, ESV] = [volumeOf(pair, 'ED'), volumeOf(pair, 'ES')];
  const { edFrame = null, esFrame = null, EF = null, numberOfFrames = null, notes = [] } = found?.info ?? {};
  const measured = EDV !== null && ESV !== null && EF !== null ? ([EF, ESV, EDV] as const) : null;
  const faults = measured === null ? [] : labelFaults(...measured);
  const reasons = [
    ...splitFaults(patient, splits),
    ...(found === null ? [`view is missing: ${view}`] : found.reasons),
    ...biplaneFault(pair, view),
    ...faults,
  ];
  const odds = measured === null || faults.length > 0 ? [] : efDisagreement(...measured);
  const verdict: Verdict = {
    ...{ id: idOf(patient, view), view, split, usable: reasons.length === 0, reasons },
    ...{ edFrame, esFrame, EDV, ESV, EF },
    ...found?.info?.person,
    ...(notes.length + odds.length > 0 ? { notes: [...notes, ...odds] } : {}),
  };
  const { ED = null, ES = null } = found?.frames ?? {};
  if (reasons.length > 0 || split === null || measured === null || ED === null || ES === null) {
    return { verdict, study: null };
  }
  const study: Study = {
    ...{ id: verdict.id, patient, view, split, video: { ED, ES } },
    ...{ edFrame: edFrame as number, esFrame: esFrame as number },
    ...{ EDV: measured[2], ESV: measured[1], EF: measured[0] },
    fps: found?.info?.fps ?? NaN,
    numberOfFrames: numberOfFrames as number,
    ...found?.info?.person,
  };
  return { verdict, study };
}

function examinePatient(folder: CamusFolder, patient: string, splits: CamusSplits): Finding[] {
  const read = (view: View): CamusView | null =>
    isAbsent(folder, patient, view) ? null : readCamusView(folder, patient, view);
  const pair: ViewPair = { '2CH': read('2CH'), '4CH': read('4CH') };
  return views.map((view) => examineView(patient, view, pair, splits));
}

/** Folders that are no patient's, and patients that only the split files name. */
function strangers({ patients, others }: CamusFolder, { named }: CamusSplits): Verdict[] {
  const there = new Set(patients);
  return [
    ...others.map((name) => leftOut(name, '4CH', `id is unknown: folder ${printable(name)}, expected patient0001 …`)),
    ...named
      .filter((patient) => !there.has(patient))
      .flatMap((patient) =>
        views.map((view) =>
          leftOut(idOf(patient, view), view, `patient is missing: database_split names ${printable(patient)}`),
        ),
      ),
  ];
}

/** What is true of the whole: where the split comes from, and how the two EFs compare. */
function notesOf(studies: readonly Study[], splits: CamusSplits): string[] {
  const differences = studies.map(({ EF, EDV, ESV }) => EF - (100 * (EDV - ESV)) / EDV);
  const far = differences.filter((difference) => Math.abs(difference) > efTolerance).length;
  const mean = differences.reduce((sum, difference) => sum + Math.abs(difference), 0) / differences.length;
  return [
    `The split is that of ${splits.source}.`,
    ...(studies.length === 0
      ? []
      : [
          `EF is that of the cfg files; that of the biplane volumes lies ${mean.toFixed(1)} percentage points from it on average and more than ${efTolerance} in ${far} of ${studies.length} studies.`,
        ]),
  ];
}

/**
 * Reads a CAMUS folder in the NIfTI layout: a study for each patient and view (2CH, 4CH), the views of a patient in one
 * split. EDV and ESV (mL) are those of biplane Simpson's method of discs from the masks of both views, EF (%) is that of
 * `Info_<view>.cfg`; where the two disagree the verdict says so. Every view that is left out has its reasons and stops none
 * of the others; a folder that is not CAMUS is {@link BadInput}.
 */
export async function readCamus(root: string, { limit, signal }: ReadCamusOptions = {}): Promise<StudySet> {
  const folder = findCamusFolder(root);
  const splits = readCamusSplits(folder);
  const patients = spread(folder.patients, limit === undefined ? undefined : Math.ceil(limit / views.length));
  const progress = startProgress('checking patients', patients.length);
  const findings: Finding[] = [];
  for (const patient of patients) {
    await yieldToEvents(signal);
    findings.push(...examinePatient(folder, patient, splits));
    progress.advance();
  }
  progress.end();
  const studies = findings.flatMap(({ study }) => (study === null ? [] : [study]));
  return {
    dataset: 'camus',
    root: folder.root,
    studies,
    verdicts: [...findings.map(({ verdict }) => verdict), ...(limit === undefined ? strangers(folder, splits) : [])],
    notes: notesOf(studies, splits),
  };
}
