import { readdirSync } from 'node:fs';
import { BadInput } from '../host/errors.js';
import { yieldToEvents } from '../host/abort.js';
import { startProgress } from '../host/progress.js';
import { printable } from '../host/text.js';
import { csvRows, type CsvRow } from '../files/csv.js';
import { findEchoNetFolder } from './echonet_layout.js';
import { readLabels, readSplit } from './labels.js';
import { spread } from './spread.js';
import type { CinePicture, Study, StudySet, Verdict } from './study.js';
import { idOf, parseNumber, readTracings, tracedPair, type Tracing } from './tracings.js';
import { checkVideo, openVideoFolder, type VideoCheck, type VideoFolder } from './video_check.js';

export interface ReadOptions {
  /** Checks only this many rows of FileList.csv, spread evenly over it. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Name of the data set in the result; the phantom has the same layout. */
  readonly dataset?: string | undefined;
  /** Of its cines; by default EchoNet-Dynamic's, whose makers cropped them to the sector and published no scale. */
  readonly picture?: CinePicture | undefined;
}

const ownPicture: CinePicture = { preparation: 'sector', field: null };

const listColumns = ['FileName', 'EF', 'ESV', 'EDV', 'FPS', 'Split'] as const;
type ListColumn = (typeof listColumns)[number];
type ListRow = CsvRow<ListColumn>;

/** What was found out about one row: the verdict, and the study if it is usable. */
interface Finding {
  readonly verdict: Verdict;
  readonly study: Study | null;
}

const finiteOrNull = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** A verdict on something that has no row of its own in FileList.csv. */
function unlisted(id: string, reason: string): Verdict {
  const nothing = { split: null, edFrame: null, esFrame: null, EDV: null, ESV: null, EF: null };
  return { id, view: '4CH', usable: false, reasons: [reason], ...nothing };
}

/**
 * Why a row is a duplicate, by row number. Of rows that say the same the first counts; where they differ none does, since
 * nobody can tell which is right.
 */
function duplicates(rows: readonly ListRow[]): Map<number, string> {
  const byId = new Map<string, ListRow[]>();
  for (const row of rows) {
    const id = idOf(row.values.FileName);
    const same = byId.get(id);
    if (same === undefined) byId.set(id, [row]);
    else same.push(row);
  }
  const reasons = new Map<number, string>();
  const content = ({ values }: ListRow): string => JSON.stringify(listColumns.slice(1).map((column) => values[column]));
  for (const same of byId.values()) {
    if (same.length === 1) continue;
    const [first, ...later] = same.map(({ row }) => row);
    if (new Set(same.map(content)).size === 1) {
      for (const row of later) reasons.set(row, `duplicate row: row ${row} says the same as row ${first}`);
    } else {
      const listed = `rows ${[first, ...later].join(', ')}`;
      for (const { row } of same) reasons.set(row, `duplicate rows that differ: ${listed}`);
    }
  }
  return reasons;
}

function nameless(row: number): VideoCheck {
  return { kind: 'none', reasons: [`FileName is empty: row ${row}`] };
}

interface Context {
  readonly tracings: ReadonlyMap<string, Tracing>;
  readonly videos: VideoFolder;
  readonly duplicates: ReadonlyMap<number, string>;
  readonly picture: CinePicture;
}

function examine({ row, values }: ListRow, context: Context): Finding {
  const id = idOf(values.FileName);
  const duplicate = context.duplicates.get(row);
  const labels = readLabels(values);
  const split = readSplit(values.Split);
  const pair = tracedPair(context.tracings.get(id));
  const traced = pair.kind === 'pair' ? pair : null;
  const wanted = traced === null ? [] : [traced.edFrame, traced.esFrame];
  const video: VideoCheck = id === '' ? nameless(row) : checkVideo(`${id}.avi`, wanted, context.videos);
  const reasons: string[] = [
    ...(duplicate === undefined ? [] : [duplicate]),
    ...labels.reasons,
    ...(split === null ? [`split is unknown: "${printable(values.Split, 20)}", expected TRAIN, VAL or TEST`] : []),
    ...(pair.kind === 'none' ? pair.reasons : []),
    ...(video.kind === 'none' ? video.reasons : []),
  ];
  const { EDV, ESV, EF } = labels;
  const verdict: Verdict = {
    id,
    view: '4CH',
    split,
    usable: reasons.length === 0,
    reasons,
    edFrame: traced?.edFrame ?? null,
    esFrame: traced?.esFrame ?? null,
    EDV: finiteOrNull(EDV),
    ESV: finiteOrNull(ESV),
    EF: finiteOrNull(EF),
  };
  if (reasons.length > 0 || split === null || traced === null || video.kind === 'none') return { verdict, study: null };
  const listedFps = parseNumber(values.FPS);
  const study: Study = {
    id,
    patient: id,
    view: '4CH',
    split,
    video: video.path,
    picture: context.picture,
    edFrame: traced.edFrame,
    esFrame: traced.esFrame,
    EDV,
    ESV,
    EF,
    fps: listedFps > 0 ? listedFps : video.fps,
    numberOfFrames: video.frames,
  };
  return { verdict, study };
}

/** Tracings and videos that FileList.csv does not name. */
function unlistedOnes(ids: ReadonlySet<string>, tracings: ReadonlyMap<string, Tracing>, videos: string): Verdict[] {
  const files = readdirSync(videos).filter((name) => name.toLowerCase().endsWith('.avi'));
  const filed = new Set(files.map(idOf));
  const unnamed = [...new Set([...tracings.keys(), ...filed])].filter((id) => !ids.has(id));
  return unnamed.map((id) => {
    const parts = [...(tracings.has(id) ? ['tracing'] : []), ...(filed.has(id) ? ['video'] : [])];
    return unlisted(id, `not in FileList.csv: there is only a ${parts.join(' and a ')}`);
  });
}

/**
 * Reads a folder in the layout of EchoNet-Dynamic (`FileList.csv`, `VolumeTracings.csv`, `Videos/`) by headers and
 * indices, without decoding a video. Of the two traced frames the one with the larger polygon is ED. Every study that is
 * left out has its reasons and stops none of the others; a folder that is not one, or a missing column, is
 * {@link BadInput}.
 */
export async function readEchoNetDynamic(root: string, options: ReadOptions = {}): Promise<StudySet> {
  const { limit, signal, dataset = 'echonet-dynamic', picture = ownPicture } = options;
  const folder = await findEchoNetFolder(root);
  const rows: ListRow[] = [];
  for await (const row of csvRows(folder.fileList, listColumns)) rows.push(row);
  if (rows.length === 0) throw new BadInput({ where: folder.fileList, expected: 'one row a study', got: 'none' });
  const tracings = await readTracings(folder.tracings);
  const videos = await openVideoFolder(folder.root, folder.videos);
  const context: Context = { tracings, videos, duplicates: duplicates(rows), picture };
  const chosen = spread(rows, limit);
  const progress = startProgress('checking studies', chosen.length);
  const findings: Finding[] = [];
  for (const row of chosen) {
    if (findings.length % 64 === 0) await yieldToEvents(signal);
    findings.push(examine(row, context));
    progress.advance();
  }
  progress.end();
  const ids = new Set(rows.map(({ values }) => idOf(values.FileName)));
  const others = limit === undefined ? unlistedOnes(ids, tracings, folder.videos) : [];
  return {
    dataset,
    root: folder.root,
    studies: findings.flatMap(({ study }) => (study === null ? [] : [study])),
    verdicts: [...findings.map(({ verdict }) => verdict), ...others],
  };
}
