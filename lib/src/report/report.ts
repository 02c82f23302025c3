import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileError, writeFileAtomic } from '../files/atomic.js';
import { readJson } from '../files/json.js';
import { BadInput } from '../host/errors.js';
import type {
  ActiveReport,
  ConduitReport,
  ReportFigure,
  ReportTable,
  ReservoirReport,
} from '../schema/generated/reports.js';
import type { Frozen } from '../schema/frozen.js';
import { validate } from '../schema/validate.js';
import type { Figure } from './figure.js';
import type { Picture } from './figures/montage.js';
import { renderSvg } from './svg.js';
import { researchOnly } from './wording.js';

/** The report of each phase. */
export interface ReportOf {
  readonly reservoir: ReservoirReport;
  readonly conduit: ConduitReport;
  readonly active: ActiveReport;
}
export type Phase = keyof ReportOf;

/** What a phase gives; the envelope is added. */
export interface ReportParts<P extends Phase> {
  readonly title: string;
  readonly stamps: readonly string[];
  readonly tables: readonly ReportTable[];
  readonly body: ReportOf[P]['body'] | Frozen<ReportOf[P]['body']>;
}

/** Where the report of a phase stands in a run folder. */
export function reportPath(runFolder: string, phase: Phase): string {
  return join(runFolder, `${phase}.report.json`);
}

async function writeInto(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw fileError(error, dirname(path), 'a folder to write to');
  }
  await writeFileAtomic(path, content);
}

/** Writes figures (SVG) and pictures (PNG) to `figures/<phase>/` of a run folder and gives their entries of the report. */
export async function writeFigures(
  runFolder: string,
  phase: Phase,
  figures: readonly (Figure | Picture)[],
): Promise<ReportFigure[]> {
  const entries: ReportFigure[] = [];
  for (const item of figures) {
    const isPicture = 'png' in item;
    const file = `figures/${phase}/${item.name}.${isPicture ? 'png' : 'svg'}`;
    await writeInto(join(runFolder, file), isPicture ? item.png : await renderSvg(item));
    entries.push({ name: item.name, title: item.title, file });
  }
  return entries;
}

/**
 * Completes, validates and writes the report of a phase with its figures into the run folder, and returns it as a reader will
 * see it (numbers that are not defined are null). An invalid report is an error of the program and is not written.
 */
export async function writeReport<P extends Phase>(
  runFolder: string,
  phase: P,
  parts: ReportParts<P>,
  figures: readonly (Figure | Picture)[] = [],
): Promise<ReportOf[P]> {
  const { title, stamps, tables, body } = parts;
  const entries = await writeFigures(runFolder, phase, figures);
  const envelope = { schema_version: 1, phase, created: new Date().toISOString(), title, research_only: researchOnly };
  const text = JSON.stringify({ ...envelope, stamps, tables, figures: entries, body }, null, 2);
  const path = reportPath(runFolder, phase);
  let report: ReportOf[P];
  try {
    report = validate<ReportOf[P]>(`${phase}.report`, JSON.parse(text), path);
  } catch (error) {
    throw error instanceof BadInput ? new Error(`invalid report: ${error.message}`, { cause: error }) : error;
  }
  await writeInto(path, `${text}\n`);
  return report;
}

/** Reads and validates the report of a phase; throws {@link BadInput} where it is missing or invalid. */
export function readReport<P extends Phase>(runFolder: string, phase: P): ReportOf[P] {
  const path = reportPath(runFolder, phase);
  return validate<ReportOf[P]>(`${phase}.report`, readJson(path), path);
}
