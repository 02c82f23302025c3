import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { targets, unitOf, type Target } from '../analysis/predictions.js';
import { projectPath } from '../host/places.js';
import { printable } from '../host/text.js';
import { formatInterval } from '../report/numbers.js';
import { researchOnly } from '../report/wording.js';
import { listRuns, type ListedRun, type TestError } from '../runs.js';
import { textTable } from './text_table.js';

interface RunsOptions {
  readonly dir?: string;
  readonly json?: boolean;
}

const head = targets.map((target) => `${target} (${unitOf[target]})`);

function errorCells(MAE: readonly TestError[]): string[] {
  const cell = (target: Target): string => {
    const found = MAE.find((row) => row.target === target);
    return found === undefined ? '–' : formatInterval(found, 1);
  };
  return targets.map(cell);
}

/** A run's rows: the first says what it is, one for each model. */
function runRows({ name, status, preset, dataset, seed, models }: ListedRun): string[][] {
  const about = [name, status, preset ?? '–', dataset ?? '–', seed === null ? '–' : String(seed)].map((text) =>
    printable(text, 60),
  );
  if (models.length === 0) return [about];
  return models.map(({ model, MAE }, i) => [...(i === 0 ? about : about.map(() => '')), model, ...errorCells(MAE)]);
}

function adapterRows({ name, adapters }: ListedRun): string[][] {
  return adapters.map(({ version, model, kind, path, parameters, MAE }) => [
    ...[name, version, model, kind, parameters === null ? '–' : String(parameters)].map((text) => printable(text, 60)),
    ...[...errorCells(MAE), printable(path, 120)],
  ]);
}

function toText(folder: string, runs: readonly ListedRun[]): string {
  if (runs.length === 0) return `no runs in ${printable(folder, 200)}`;
  const lines = [
    'TEST MAE with 95 % bootstrap interval by patient',
    textTable([['run', 'status', 'preset', 'data set', 'seed', 'model', ...head], ...runs.flatMap(runRows)]),
  ];
  const adapters = runs.flatMap(adapterRows);
  if (adapters.length > 0) {
    lines.push('', textTable([['run', 'adapter', 'model', 'trained', 'parameters', ...head, 'path'], ...adapters]));
  }
  const problems = runs.filter(({ problem }) => problem !== null);
  if (problems.length > 0) lines.push('');
  for (const { name, problem } of problems) lines.push(`${printable(name, 60)}: ${printable(problem ?? '', 300)}`);
  const stamps = new Set(runs.flatMap((run) => run.stamps));
  return [...lines, '', ...[...stamps].map((stamp) => printable(stamp, 120)), researchOnly].join('\n');
}

/** `3ncore runs [--dir DIR] [--json]`: the runs with their status, errors on TEST and adapters. */
export function runsCommand(): Command {
  return new Command('runs')
    .description('list the runs with their status, errors on TEST and adapters')
    .option('--dir <dir>', 'a folder of runs, or one run (default runs/)')
    .option('--json', 'print one JSON document')
    .action(({ dir, json }: RunsOptions) => {
      const folder = dir ?? projectPath('runs');
      // Before the first run there is no folder of runs.
      const runs = dir === undefined && !existsSync(folder) ? [] : listRuns(folder);
      const document = { folder, research_only: researchOnly, runs };
      process.stdout.write(`${json === true ? JSON.stringify(document, null, 2) : toText(folder, runs)}\n`);
    });
}
