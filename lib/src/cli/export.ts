import { realpathSync, existsSync } from 'node:fs';
import { basename } from 'node:path';
import { Command } from 'commander';
import { projectPath } from '../host/places.js';
import { printable } from '../host/text.js';
import { openRun } from '../run_folder.js';
import { exportShareable, type Exported } from '../shareable/export.js';

interface ExportFlags {
  readonly out?: string;
  readonly json?: boolean;
}

function toText({ folder, files, hidden }: Exported): string {
  return [
    `${files.length} files in ${printable(folder, 400)}`,
    'Aggregates only: no rows, names, frames or adapters; README.md says what was left out and why.',
    `Statistics hidden because few patients stand behind them: ${hidden}`,
    'For research only; not for clinical use.',
  ].join('\n');
}

async function run(folder: string, { out, json }: ExportFlags): Promise<void> {
  const opened = openRun(existsSync(folder) ? realpathSync(folder) : folder);
  const found = await exportShareable(opened, out ?? projectPath('exports', basename(opened.folder)));
  process.stdout.write(`${json === true ? JSON.stringify(found, null, 2) : toText(found)}\n`);
}

/** `3ncore export --shareable`: a copy of a run with aggregates only. */
export function exportCommand(): Command {
  return new Command('export')
    .description('write what of a run may be shared to a new folder: aggregates only')
    .argument('<run>', 'the run folder')
    .requiredOption('--shareable', 'no rows, names, frames or adapters')
    .option('--out <dir>', 'the new folder (default exports/<run>)')
    .option('--json', 'print one JSON document')
    .action(run);
}
