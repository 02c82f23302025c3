import { existsSync } from 'node:fs';
import { readExperiment } from './experiment.js';
import { writeJson } from './files/json.js';
import { escapeHtml } from './host/escape.js';
import { displayBundle, showHtml } from './jupyter/display.js';
import { kernelPort } from './jupyter/kernel.js';
import { showProgressInNotebook } from './jupyter/progress.js';
import { figureBundle } from './report/bundle.js';
import { tableFrame, type DataFrame } from './report/data_frame.js';
import type { Figure } from './report/figure.js';
import type { Picture } from './report/figures/montage.js';
import { reportPath, writeReport, type Phase as PhaseName, type ReportOf, type ReportParts } from './report/report.js';
import { htmlTable } from './report/table.js';
import { termsTable } from './report/result_tables.js';
import { doNotShareStamp, phantomStamp, researchOnly } from './report/wording.js';
import { currentRun, runPath, type Run } from './run_folder.js';
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

/** Begins a phase in a run (by default the current one) with its `experiment.json`, else the preset `phantom`. */
export function startPhase<P extends PhaseName>(name: P, run: Run = currentRun()): Phase<P> {
  showProgressInNotebook();
  const experiment = readOrPreset(run);
  return { name, run, experiment, stamps: stampsOf(experiment), sections: [], body: {} };
}

/** Whether a run has the report of a phase. */
export function hasReport(run: Run, name: PhaseName): boolean {
  return existsSync(reportPath(run.folder, name));
}

/** Writes the configuration that the run goes on with. */
export async function saveExperiment({ run, experiment }: Phase<PhaseName>): Promise<void> {
  await writeJson(runPath(run, 'experiment.json'), experiment);
}

/** Keeps a section for the report and gives it back to be shown, under the run's stamps. */
export function add<P extends PhaseName>(phase: Phase<P>, section: Section): Section {
  phase.sections.push(section);
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

/** A table that the phase has shown, as a danfojs DataFrame. */
export function frame(phase: Phase<PhaseName>, name: string): DataFrame {
  const tables = phase.sections.flatMap((section) => section.tables ?? []);
  const found = tables.find((table) => table.name === name);
  if (found === undefined) throw new Error(`no table ${name} yet; there are ${tables.map((t) => t.name).join(', ')}`);
  return tableFrame(found);
}

/** Shows a section in the notebook's output; nothing happens outside a kernel. */
export async function show(section: Section | Promise<Section>): Promise<void> {
  const { tables = [], figures = [], notes = [], stamps = [] } = await section;
  if (kernelPort() === undefined) return;
  for (const table of tables) showHtml(htmlTable(table, 25), table.title);
  for (const figure of figures) {
    if (!('png' in figure)) displayBundle(await figureBundle(figure));
    else displayBundle({ 'image/png': Buffer.from(figure.png).toString('base64'), 'text/plain': figure.title });
  }
  const lines = [...notes, ...(tables.length > 0 ? [researchOnly, ...stamps] : [])];
  if (lines.length > 0) showHtml(lines.map((line) => `<p>${escapeHtml(line)}</p>`).join(''), lines.join('\n'));
}
