import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { readExperiment } from '../experiment.js';
import { abortOnInterrupt, yieldToEvents } from '../host/abort.js';
import { BadInput, Interrupted } from '../host/errors.js';
import { projectPath } from '../host/places.js';
import { hasReport } from '../phase.js';
import { readReport } from '../report/report.js';
import { runSummary } from '../report/summary.js';
import { moveLatest, runPath, type Run } from '../run_folder.js';
import { recorded } from '../run_record.js';
import { addExperimentOptions } from './experiment_options.js';
import { openOrBegin, type NewRunOptions } from './new_run.js';
import { addTermsOption } from './terms_options.js';

const notebooks = ['reservoir', 'conduit', 'active'] as const;

/** A notebook stopped; its client has already said why. */
class NotebookFailed extends Error {
  constructor(
    readonly notebook: string,
    readonly exitCode: number,
  ) {
    super(`${notebook}.ipynb failed`);
  }
}

/** Runs one notebook in a real Jupyter client; its progress goes to stderr. */
function executeNotebook(run: Run, name: string): Promise<void> {
  const python = projectPath('.venv', 'bin', 'python');
  if (!existsSync(python)) {
    const fix = 'run "node kernels/setup.mjs"';
    throw new BadInput({ where: '.venv', expected: "the notebooks' Python", got: 'none', fix });
  }
  const script = projectPath('kernels', 'execute.py');
  const notebook = projectPath('notebooks', `${name}.ipynb`);
  const parameters = [script, notebook, '--out', run.folder, '--env', `RUN_DIR=${run.folder}`];
  return new Promise((resolve, reject) => {
    const child = spawn(python, parameters, { stdio: ['ignore', 2, 2] });
    // The client interrupts its kernel, saves the notebook and ends; this process waits for it.
    const forward = (): void => void child.kill('SIGINT');
    process.on('SIGINT', forward);
    child.on('error', reject);
    child.on('close', (code, killedBy) => {
      process.off('SIGINT', forward);
      if (code === 0) resolve();
      // A client that has only just started ends by the signal itself.
      else if (code === 130 || killedBy === 'SIGINT')
        reject(new Interrupted(`interrupted in ${name}.ipynb; the run is in ${run.folder}`));
      else reject(new NotebookFailed(name, code ?? 1));
    });
  });
}

/** The summary of a finished run for the terminal. */
export function summaryOf({ folder }: Run): string {
  return runSummary(folder, {
    reservoir: readReport(folder, 'reservoir'),
    conduit: readReport(folder, 'conduit'),
    active: readReport(folder, 'active'),
  });
}

/** Executes the notebooks whose reports are not there yet. */
async function executeNotebooks(run: Run, signal: AbortSignal): Promise<void> {
  const { seed } = readExperiment(runPath(run, 'experiment.json'));
  await recorded(run, seed, async () => {
    for (const name of notebooks.filter((phase) => !hasReport(run, phase))) {
      await yieldToEvents(signal);
      await executeNotebook(run, name);
    }
  });
}

async function start(options: NewRunOptions, signal: AbortSignal): Promise<void> {
  if (options.resume === true && options.out === undefined) {
    throw new BadInput({ where: '--resume', expected: '--out DIR with the run to go on with', got: 'no --out' });
  }
  const { run, finished } = await openOrBegin(options, signal);
  if (!finished) await executeNotebooks(run, signal);
  moveLatest(run);
  process.stdout.write(summaryOf(run));
}

/** `3ncore start`: the whole job, as `npm start` runs it after set-up. */
export function startCommand(): Command {
  const command = new Command('start').description('execute the three notebooks in a new run folder, show the summary');
  return addTermsOption(addExperimentOptions(command))
    .option('--out <dir>', 'the run folder (default runs/<timestamp>)')
    .option('--resume', 'go on with the run in --out after an interruption')
    .action(async (options: NewRunOptions) => {
      const { signal, release } = abortOnInterrupt();
      try {
        await start(options, signal);
      } catch (error) {
        if (!(error instanceof NotebookFailed)) throw error;
        process.stderr.write(`3ncore: ${error.message}; see its executed copy in the run folder.\n`);
        process.exitCode = error.exitCode;
      } finally {
        release();
      }
    });
}
