import { existsSync, realpathSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { yieldToEvents } from '../host/abort.js';
import { BadInput } from '../host/errors.js';
import { startProgress } from '../host/progress.js';
import { printable } from '../host/text.js';
import { csvHeader, csvRows, type CsvRow } from '../files/csv.js';
import { kindOf } from '../files/entries.js';
import { inspectClip, openClip, type ClipHeader } from './clip.js';
import { findClipCycle } from './clip_cycle.js';
import { duplicateRows } from './duplicates.js';
import type { ReadOptions } from './echonet_dynamic.js';
import { readLabels, readSplit } from './labels.js';
import { spread } from './spread.js';
import type { Study, StudySet, Verdict, View } from './study.js';
import { parseNumber } from './tracings.js';
import { codecFault, locateVideo, openVideoFolder, type VideoFolder } from './video_check.js';

const required = ['FileName', 'EDV', 'ESV', 'EF', 'Split'] as const;
const optional = ['ED', 'ES', 'View', 'Patient'] as const;
type Column = (typeof required)[number] | (typeof optional)[number];
type Values = Readonly<Partial<Record<Column, string>> & Record<(typeof required)[number], string>>;

interface Row {
  readonly row: number;
  readonly values: Values;
  readonly fault: string | null;
}

/** ED and ES of a row, or why there are none. */
interface FramesFound {
  readonly edFrame: number | null;
  readonly esFrame: number | null;
  readonly reasons: readonly string[];
  readonly notes: readonly string[];
  readonly confidence?: number;
}

const noFrames = (...reasons: string[]): FramesFound => ({ edFrame: null, esFrame: null, reasons, notes: [] });
const sentence = (error: BadInput): string => error.message.replace(/\.$/, '');

async function readRows(table: string): Promise<Row[]> {
  const header = await csvHeader(table);
  const columns: Column[] = [...required, ...optional.filter((column) => header.includes(column))];
  const rows: Row[] = [];
  for await (const row of csvRows(table, columns) as AsyncIterable<CsvRow<Column>>) rows.push(row);
  return rows;
}

/** Rows of the same file, however its path is written; every column counts but the name. */
function duplicates(rows: readonly Row[], folder: string): Map<number, string> {
  const named = rows.filter(({ values }) => values.FileName !== '');
  return duplicateRows(
    named.map(({ row, values }) => {
      const { FileName, ...said } = values;
      return { row, key: relative(folder, resolve(folder, FileName)), content: JSON.stringify(said) };
    }),
  );
}

/** What is wrong with rows taken together: a file twice, a patient in two parts. By row number. */
function conflicts(rows: readonly Row[], folder: string): Map<number, string[]> {
  const twice = duplicates(rows, folder);
  const splits = new Map<string, Set<string>>();
  const patientOf = ({ values }: Row): string => values.Patient || values.FileName;
  for (const row of rows) {
    const patient = patientOf(row);
    splits.set(patient, (splits.get(patient) ?? new Set()).add(row.values.Split.toUpperCase()));
  }
  const found = new Map<number, string[]>();
  for (const row of rows) {
    const duplicate = twice.get(row.row);
    const reasons = [...(row.fault === null ? [] : [row.fault]), ...(duplicate === undefined ? [] : [duplicate])];
    const parts = splits.get(patientOf(row));
    if (parts !== undefined && parts.size > 1)
      reasons.push(`patient is in several splits: ${printable([...parts].join(', '))}`);
    found.set(row.row, reasons);
  }
  return found;
}

/** The frames that the row gives, checked, else those found from the motion of the picture, for which the clip is decoded. */
async function framesOf(values: Values, path: string, clip: ClipHeader, options: ReadOptions): Promise<FramesFound> {
  const given = [values.ED ?? '', values.ES ?? ''];
  if (given.every((text) => text === '')) return findFrames(path, options);
  const [edFrame, esFrame] = given.map(parseNumber) as [number, number];
  const faults = [edFrame, esFrame].flatMap((frame, i) => {
    const name = i === 0 ? 'ED' : 'ES';
    if (!Number.isInteger(frame) || frame < 0)
      return [`${name} is not a frame number: "${printable(given[i] ?? '', 20)}"`];
    return frame < clip.frames ? [] : [`frame beyond the clip: ${name} ${frame} of ${clip.frames} (0-based)`];
  });
  if (faults.length === 0 && edFrame === esFrame) faults.push(`ED and ES are the same frame: ${edFrame}`);
  if (faults.length === 0) faults.push(...(await decodingFaults(clip, [edFrame, esFrame], options)));
  return faults.length > 0 ? noFrames(...faults) : { edFrame, esFrame, reasons: [], notes: [] };
}

/** Decodes the two frames, of which the header of such files says too little. */
async function decodingFaults(clip: ClipHeader, frames: readonly number[], { signal }: ReadOptions): Promise<string[]> {
  try {
    const images = await clip.read(frames, { signal });
    const sizes = new Set(images.map(({ width, height }) => `${width} × ${height}`));
    return sizes.size > 1 ? [`ED and ES differ in size: ${[...sizes].join(' and ')} pixels`] : [];
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    return [`frames cannot be decoded: ${sentence(error)}`];
  }
}

async function findFrames(path: string, { signal }: ReadOptions): Promise<FramesFound> {
  try {
    const clip = await openClip(path, { signal });
    const { edFrame, esFrame, confidence, sure } = await findClipCycle(clip, { signal });
    const trust = `confidence ${confidence.toFixed(2)}`;
    if (!sure) {
      const reason = `ED and ES are uncertain: found at ${edFrame} and ${esFrame}, ${trust}; give them in the table`;
      return { ...noFrames(reason), confidence };
    }
    const notes = [`ED and ES found from the motion of the picture: ${trust}`];
    return { edFrame, esFrame, reasons: [], notes, confidence };
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    return noFrames(`ED and ES are not found: ${sentence(error)}`);
  }
}

type Opened =
  | { readonly path: string; readonly header: ClipHeader; readonly reasons?: undefined }
  | { readonly path: null; readonly header: null; readonly reasons: readonly string[] };

async function openRow({ row, values }: Row, videos: VideoFolder, options: ReadOptions): Promise<Opened> {
  const { FileName } = values;
  const none = (...reasons: string[]): Opened => ({ path: null, header: null, reasons });
  if (FileName === '') return none(`FileName is empty: row ${row}`);
  const located = locateVideo(FileName, videos);
  if (located.kind === 'none') return none(...located.reasons);
  try {
    const header = await inspectClip(located.path, { signal: options.signal });
    const isOtherAvi = header.decoder === 'ffmpeg' && header.coding !== 'video';
    const faults = isOtherAvi ? codecFault(header.coding, videos.hasFfmpeg) : [];
    return faults.length > 0 ? none(...faults) : { path: located.path, header };
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    return none(`clip cannot be read: ${sentence(error)}`);
  }
}

function viewOf({ View: text = '' }: Values): View | null {
  const view = text.toUpperCase();
  if (view === '') return '4CH';
  return view === '4CH' || view === '2CH' ? view : null;
}

async function examine(
  row: Row,
  conflicting: readonly string[],
  videos: VideoFolder,
  options: ReadOptions,
): Promise<{ verdict: Verdict; study: Study | null }> {
  const { values } = row;
  const labels = readLabels(values);
  const [split, view] = [readSplit(values.Split), viewOf(values)];
  const opened = await openRow(row, videos, options);
  const frames = opened.path === null ? noFrames() : await framesOf(values, opened.path, opened.header, options);
  const reasons = [
    ...conflicting,
    ...labels.reasons,
    ...(split === null ? [`split is unknown: "${printable(values.Split, 20)}", expected TRAIN, VAL or TEST`] : []),
    ...(view === null ? [`view is unknown: "${printable(values.View ?? '', 20)}", expected 4CH or 2CH`] : []),
    ...(opened.reasons ?? []),
    ...frames.reasons,
  ];
  const { EDV, ESV, EF } = labels;
  const { edFrame, esFrame, notes, confidence } = frames;
  const known = (value: number): number | null => (Number.isFinite(value) ? value : null);
  const verdict: Verdict = {
    ...{ id: values.FileName, view: view ?? '4CH', split, usable: reasons.length === 0, reasons, edFrame, esFrame },
    ...{ EDV: known(EDV), ESV: known(ESV), EF: known(EF) },
    ...(notes.length > 0 ? { notes } : {}),
    ...(confidence === undefined ? {} : { confidence }),
  };
  if (!verdict.usable || split === null || view === null || opened.path === null) return { verdict, study: null };
  if (edFrame === null || esFrame === null) return { verdict, study: null };
  const study: Study = {
    ...{ id: values.FileName, patient: values.Patient || values.FileName, view, split },
    ...{ video: { clip: opened.path }, edFrame, esFrame, EDV, ESV, EF },
    ...{ fps: opened.header.fps, numberOfFrames: opened.header.frames },
  };
  return { verdict, study };
}

/** How sure the frames of the data set are that were found. */
function foundNotes(verdicts: readonly Verdict[]): string[] {
  const found = verdicts.flatMap(({ usable, confidence }) => (usable && confidence !== undefined ? [confidence] : []));
  if (found.length === 0) return [];
  const share = `${found.length} of ${verdicts.length} clips`;
  const least = Math.min(...found).toFixed(2);
  return [
    `ED and ES were found from the motion of the picture in ${share}; the least sure pair has confidence ${least}.`,
  ];
}

/** The path of the table in a folder. */
function tableIn(folder: string): string {
  const table = join(folder, 'clips.csv');
  if (existsSync(table)) return table;
  const fix = `write one with the columns ${required.join(',')} and, where known, ${optional.join(',')}`;
  const got = kindOf(folder) === 'folder' ? 'none in it' : existsSync(folder) ? 'a file' : 'no such folder';
  throw new BadInput({ where: printable(folder, 200), expected: 'a folder with clips.csv', got, fix });
}

/**
 * Reads a folder of clips of one's own (AVI, MP4, MOV, ultrasound DICOM) by its `clips.csv`: `FileName` (a path below the
 * folder), `EDV` and `ESV` (mL), `EF` (%), `Split`, and where wanted `ED` and `ES` (0-based frames; both empty: found from the
 * motion, which decodes the clip; else the two alone are decoded), `View` (4CH, the default, or 2CH) and `Patient`. Every clip left out has its reasons; a
 * folder without the table, or without one of its columns, is {@link BadInput}.
 */
export async function readClips(root: string, options: ReadOptions = {}): Promise<StudySet> {
  const folder = resolve(root);
  const table = tableIn(folder);
  const rows = await readRows(table);
  if (rows.length === 0) throw new BadInput({ where: table, expected: 'one row a clip', got: 'none' });
  const conflicting = conflicts(rows, folder);
  const videos = await openVideoFolder(folder, folder);
  const chosen = spread(rows, options.limit);
  const progress = startProgress('checking clips', chosen.length);
  const findings: Awaited<ReturnType<typeof examine>>[] = [];
  for (const row of chosen) {
    await yieldToEvents(options.signal);
    findings.push(await examine(row, conflicting.get(row.row) ?? [], videos, options));
    progress.advance();
  }
  progress.end();
  return {
    dataset: 'clips',
    root: realpathSync(folder),
    studies: findings.flatMap(({ study }) => (study === null ? [] : [study])),
    verdicts: findings.map(({ verdict }) => verdict),
    notes: foundNotes(findings.map(({ verdict }) => verdict)),
  };
}
