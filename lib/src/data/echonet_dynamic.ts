import { BadInput } from '../host/errors.js';
import { yieldToEvents } from '../host/abort.js';
import { startProgress } from '../host/progress.js';
import { printable } from '../host/text.js';
import { csvRows, type CsvRow } from '../files/csv.js';
import { namesIn } from '../files/entries.js';
import { duplicateRows } from './duplicates.js';
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
/** The data set has 10,030; a table a hundred times as long would fill the memory before anybody sees that it is a wrong one. */
const mostRows = 200_000;
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

/** Every column counts but the name. */
function duplicates(rows: readonly ListRow[]): Map<number, string> {
  const contentOf = ({ values }: ListRow): string =>
    JSON.stringify(listColumns.slice(1).map((column) => values[column]));
  return duplicateRows(rows.map((row) => ({ row: row.row, key: idOf(row.values.FileName), content: contentOf(row) })));
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

function examine({ row, values, fault }: ListRow, context: Context): Finding {
  const id = idOf(values.FileName);
  const duplicate = context.duplicates.get(row);
  const labels = readLabels(values);
  const split = readSplit(values.Split);
  const pair = tracedPair(context.tracings.get(id));
  const traced = pair.kind === 'pair' ? pair : null;
  const wanted = traced === null ? [] : [traced.edFrame, traced.esFrame];
  const video: VideoCheck = id === '' ? nameless(row) : checkVideo(`${id}.avi`, wanted, context.videos);
  const reasons: string[] = [
    ...(fault === null ? [] : [fault]),
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
  const files = namesIn(videos).filter((name) => name.toLowerCase().endsWith('.avi'));
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
  for await (const row of csvRows(folder.fileList, listColumns)) {
    if (rows.length === mostRows) {
      throw new BadInput({ where: folder.fileList, expected: `at most ${mostRows} rows`, got: 'more' });
    }
    rows.push(row);
  }
  if (rows.length === 0) throw new BadInput({ where: folder.fileList, expected: 'one row a study', got: 'none' });
  const ids = new Set(rows.map(({ values }) => idOf(values.FileName)));
  const tracings = await readTracings(folder.tracings, ids);
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
  const others = limit === undefined ? unlistedOnes(ids, tracings, folder.videos) : [];
  return {
    dataset,
    root: folder.root,
    studies: findings.flatMap(({ study }) => (study === null ? [] : [study])),
    verdicts: [...findings.map(({ verdict }) => verdict), ...others],
  };
}
