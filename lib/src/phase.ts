import { existsSync } from 'node:fs';
import { readExperiment } from './experiment.js';
import { abortOnInterrupt } from './host/abort.js';
import { BadInput, Interrupted } from './host/errors.js';
import { escapeHtml } from './host/escape.js';
import { displayBundle, showHtml } from './jupyter/display.js';
import { kernelPort } from './jupyter/kernel.js';
import { showProgressInNotebook } from './jupyter/progress.js';
import { figureBundle } from './report/bundle.js';
import { tableFrame, type DataFrame } from './report/data_frame.js';
import type { Figure } from './report/figure.js';
import type { Picture } from './report/figures/montage.js';
import { reportPath, writeReport, type Phase as PhaseName, type ReportOf, type ReportParts } from './report/report.js';
import { htmlTable, table } from './report/table.js';
import { termsTable } from './report/result_tables.js';
import { doNotShareStamp, phantomStamp, researchOnly } from './report/wording.js';
import { runPath, type Run } from './run_folder.js';
import type { Experiment } from './schema/generated/experiment.js';
import type { ReportTable } from './schema/generated/reports.js';
import { preset } from './schema/presets.js';
import { termsOf } from './run_terms.js';

/** What one step of a phase shows and leaves to the report. */
export interface Section {
  readonly tables?: readonly ReportTable[];
  readonly figures?: readonly (Figure | Picture)[];
  /** Sentences under the tables. */
  readonly notes?: readonly string[];
  /** Sentences that stand wherever results of the run are shown. */
  readonly stamps?: readonly string[];
}

/** A phase under way: its run, its configuration and what its report will hold. */
export interface Phase<P extends PhaseName> {
  readonly name: P;
  readonly run: Run;
  readonly experiment: Experiment;
  readonly stamps: readonly string[];
  readonly sections: Section[];
  readonly body: Partial<ReportOf[P]['body']>;
}

/** The stamps of every result of an experiment. */
export function stampsOf({ data }: Experiment): string[] {
  return data.dataset === 'phantom' ? [phantomStamp] : [doNotShareStamp];
}

function readOrPreset(run: Run): Experiment {
  const path = runPath(run, 'experiment.json');
  return existsSync(path) ? readExperiment(path) : preset('phantom');
}

/** Begins a phase in a run with its `experiment.json`, else the preset `phantom`. */
export function startPhase<P extends PhaseName>(name: P, run: Run): Phase<P> {
  showProgressInNotebook();
  const experiment = readOrPreset(run);
  return { name, run, experiment, stamps: stampsOf(experiment), sections: [], body: {} };
}

/** Which run a phase works in, on which data and with which weights. */
export function about({ run, experiment, stamps }: Phase<PhaseName>): Section {
  const { preset: name, seed, data, teacher, student } = experiment;
  const facts: Record<string, string | number | null> = {
    ...{ 'run folder': run.folder, preset: name, seed, 'data set': data.dataset, 'data root': data.root },
    'at most of each split': data.limit,
    ...{ teacher: teacher.weights, student: student.weights },
  };
  const rows = Object.entries(facts)
    .filter(([, value]) => value !== null)
    .map(([what, value]) => ({ what, value: String(value) }));
  return { tables: [table('run', 'This run', rows)], stamps };
}

/** Whether a run has the report of a phase. */
export function hasReport(run: Run, name: PhaseName): boolean {
  return existsSync(reportPath(run.folder, name));
}

/**
 * Does long work that the stop button of a notebook ends where what it has reached is whole; outside a kernel, and where the
 * caller has a signal, that alone does.
 */
export async function stoppable<T>(
  given: AbortSignal | undefined,
  work: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (given !== undefined || kernelPort() === undefined) return work(given);
  const { signal, release } = abortOnInterrupt(new Interrupted('stopped; run this cell again to go on'));
  try {
    return await work(signal);
  } finally {
    release();
  }
}

function namesIn({ tables = [], figures = [] }: Section): string[] {
  return [...tables, ...figures].map(({ name }) => name);
}

/**
 * Keeps a section for the report, in place of what the same step left when it ran before, and gives it back to be shown
 * under the run's stamps.
 */
export function add<P extends PhaseName>(phase: Phase<P>, section: Section): Section {
  const names = new Set(namesIn(section));
  const others = phase.sections.filter((earlier) => !namesIn(earlier).some((name) => names.has(name)));
  phase.sections.splice(0, phase.sections.length, ...others, section);
  return { ...section, stamps: phase.stamps };
}

/**
 * Completes, validates and writes a phase's report, with the terms that its results stand under; what is missing in its body
 * is a bug and says so.
 */
export async function finishPhase<P extends PhaseName>(phase: Phase<P>, title: string): Promise<Section> {
  const terms = add(phase, { tables: [termsTable(termsOf(phase.experiment))] });
  const tables = phase.sections.flatMap((section) => section.tables ?? []);
  const figures = phase.sections.flatMap((section) => section.figures ?? []);
  const parts = { title, stamps: phase.stamps, tables, body: phase.body } as unknown as ReportParts<P>;
  await writeReport(phase.run.folder, phase.name, parts, figures);
  return { ...terms, notes: [`Report: ${phase.name}.report.json in ${phase.run.folder}`] };
}

/** What a step says that needs another one's work. */
export function notYet(step: string): BadInput {
  return new BadInput({
    where: `${step}(phase)`,
    expected: 'its cell to have run',
    got: 'not yet',
    fix: 'run it first',
  });
}

/**
 * A table that the phase has shown, as a danfojs DataFrame.
 * @throws BadInput when there is no table of that name yet.
 */
export function frame(phase: Phase<PhaseName>, name: string): DataFrame {
  const tables = phase.sections.flatMap((section) => section.tables ?? []);
  const found = tables.find((table) => table.name === name);
  if (found === undefined) {
    const names = tables.map((known) => known.name).join(', ');
    throw new BadInput({ where: 'frame(phase, name)', expected: `one of ${names || 'no tables yet'}`, got: name });
  }
  return tableFrame(found);
}

/** The look of what stands below every result. */
const quiet = ';font-size:12px;opacity:0.75';

/** Shows a section in the notebook's output; nothing happens outside a kernel. */
export async function show(section: Section | Promise<Section>): Promise<void> {
  const { tables = [], figures = [], notes = [], stamps = [] } = await section;
  if (kernelPort() === undefined) return;
  for (const table of tables) showHtml(htmlTable(table), table.title);
  for (const figure of figures) {
    if (!('png' in figure)) displayBundle(await figureBundle(figure));
    else displayBundle({ 'image/png': Buffer.from(figure.png).toString('base64'), 'text/plain': figure.title });
  }
  const standing = tables.length > 0 ? [researchOnly, ...stamps].join(' ') : undefined;
  const lines = [...notes, ...(standing === undefined ? [] : [standing])];
  const html = lines.map((line) => `<p style="margin:4px 0${line === standing ? quiet : ''}">${escapeHtml(line)}</p>`);
  if (lines.length > 0) showHtml(html.join(''), lines.join('\n'));
}
