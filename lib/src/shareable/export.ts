import { existsSync, readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { readExperiment } from '../experiment.js';
import { writeFileAtomic } from '../files/atomic.js';
import { writeFolderAtomic } from '../files/atomic_folder.js';
import { readJsonObject, writeJson } from '../files/json.js';
import { BadInput } from '../host/errors.js';
import { projectPath } from '../host/places.js';
import { readReport, reportPath, writeReport, type Phase } from '../report/report.js';
import type { Experiment } from '../schema/generated/experiment.js';
import type { ActiveReport } from '../schema/generated/reports.js';
import { validate } from '../schema/validate.js';
import type { Run } from '../run_folder.js';
import { runStatuses } from '../run_record.js';
import { shareableActive } from './active.js';
import { shareableConduit } from './conduit.js';
import { shareableExperiment, shareableStamps, shareableTerms } from './names.js';
import { ownCells } from './notebook.js';
import { reportPage } from './page.js';
import { exportReadme } from './readme.js';
import type { Reduced } from './reduced.js';
import { shareableReservoir } from './reservoir.js';
import { termsTable, type TermsRow } from '../report/result_tables.js';

/** What an export has become. */
export interface Exported {
  readonly folder: string;
  /** Relative to the folder, sorted. */
  readonly files: readonly string[];
  /** Statistics that were hidden because too few patients stand behind them. */
  readonly hidden: number;
}

const phases = ['reservoir', 'conduit', 'active'] as const;
const time = /^[\dT:.-]+Z$/;

/** How the run went, of `run.json`; its command line, its error and the hashes of what is left out are not taken. */
async function writeRunRecord(run: Run, target: string): Promise<void> {
  const path = join(run.folder, 'run.json');
  if (!existsSync(path)) return;
  const { status, seed, created, finished, versions } = readJsonObject(path);
  const timeOf = (value: unknown): string | null => (typeof value === 'string' && time.test(value) ? value : null);
  const known = ['gemma-3ncore', 'node', 'package-lock.json', 'kernels/requirements.txt'];
  const found = Object.entries((versions ?? {}) as Record<string, unknown>).filter(
    ([name, version]) => known.includes(name) && typeof version === 'string' && /^[\w.-]+$/.test(version),
  );
  await writeJson(join(target, 'run.json'), {
    status: runStatuses.includes(status) ? status : null,
    seed: typeof seed === 'number' ? seed : null,
    ...{ created: timeOf(created), finished: timeOf(finished), versions: Object.fromEntries(found) },
  });
}

/** The averaged losses and errors on VAL, a line an event. */
async function writeMetrics({ body }: ActiveReport, target: string): Promise<void> {
  const lines = body.training.flatMap(({ model, history, validation }) => [
    ...history.map((entry) => ({ model, kind: 'steps', ...entry })),
    ...validation.map((entry) => ({ model, kind: 'validation', ...entry })),
  ]);
  await writeFileAtomic(join(target, 'metrics.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** Writes a reduced report with its figures, its page and the cells of its notebook. */
async function writePhase<P extends Phase>(run: Run, target: string, phase: P, reduced: Reduced<P>, terms: TermsRow[]) {
  const parts = { ...reduced.parts, tables: [...reduced.parts.tables, termsTable(terms)] };
  const report = await writeReport<P>(target, phase, parts, reduced.figures);
  await writeFileAtomic(join(target, `${phase}.html`), reportPage(target, report));
  const executed = join(run.folder, `${phase}.ipynb`);
  if (existsSync(executed)) {
    const cells = ownCells(executed, projectPath('notebooks', `${phase}.ipynb`));
    await writeFileAtomic(join(target, `${phase}.ipynb`), `${JSON.stringify(cells, null, 1)}\n`);
  }
  return report;
}

/** Fills a folder with what may be shared; gives how many statistics are hidden. */
async function fill(run: Run, target: string): Promise<number> {
  const experiment = shareableExperiment(readExperiment(join(run.folder, 'experiment.json')));
  validate<Experiment>('experiment', experiment, 'the configuration to share');
  const stamps = shareableStamps(experiment);
  const has = (phase: Phase): boolean => existsSync(reportPath(run.folder, phase));
  let hidden = 0;
  let terms: TermsRow[] = [];
  await writeJson(join(target, 'experiment.json'), experiment);
  if (has('reservoir')) {
    const report = readReport(run.folder, 'reservoir');
    terms = shareableTerms(report.tables);
    await writePhase(run, target, 'reservoir', shareableReservoir(report, stamps), terms);
  }
  if (has('conduit')) {
    const report = readReport(run.folder, 'conduit');
    const reduced = shareableConduit(report, stamps);
    hidden += reduced.hidden;
    await writePhase(run, target, 'conduit', reduced, shareableTerms(report.tables));
  }
  if (has('active')) {
    const report = readReport(run.folder, 'active');
    const reduced = shareableActive(report, experiment, stamps);
    hidden += reduced.hidden;
    await writeMetrics(await writePhase(run, target, 'active', reduced, shareableTerms(report.tables)), target);
  }
  await writeRunRecord(run, target);
  await writeFileAtomic(join(target, 'README.md'), exportReadme({ stamps, terms, hidden }));
  return hidden;
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/**
 * Writes what of a run may be shared to a new folder: aggregates, made anew field by field from its reports. No row, name,
 * frame or point of a patient, no folder of this machine, no adapter.
 * @throws BadInput when the run has no report, a report is invalid, or the folder is there already.
 */
export async function exportShareable(run: Run, out: string): Promise<Exported> {
  const folder = resolve(out);
  if (existsSync(folder)) {
    throw new BadInput({
      where: folder,
      expected: 'a new folder',
      got: 'one that is there',
      fix: 'give another --out',
    });
  }
  if (!phases.some((phase) => existsSync(reportPath(run.folder, phase)))) {
    throw new BadInput({ where: run.folder, expected: 'the report of a phase', got: 'none' });
  }
  let hidden = 0;
  await writeFolderAtomic(folder, async (temporary) => {
    hidden = await fill(run, temporary);
  });
  return { folder, files: filesIn(folder), hidden };
}
