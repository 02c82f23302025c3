import { isDeepStrictEqual } from 'node:util';
import { Command } from 'commander';
import { runActive } from '../active.js';
import { readExperiment, resolveExperiment } from '../experiment.js';
import { removeUnfinishedBelow } from '../files/atomic_folder.js';
import { abortOnInterrupt } from '../host/abort.js';
import { BadInput } from '../host/errors.js';
import { info } from '../host/log.js';
import { isBegun, openRun, runPath, type Run } from '../run_folder.js';
import { recorded, standingOf } from '../run_record.js';
import { addExperimentOptions } from './experiment_options.js';
import { newRun, type NewRunOptions } from './new_run.js';
import { summaryOf } from './start.js';
import { acceptNamedTerms, showDataTerms } from '../terms.js';
import { addTermsOption, termsOptions } from './terms_options.js';

interface TrainOptions extends NewRunOptions {
  readonly out: string;
  readonly resume?: boolean;
}

/** A run to go on with: its own configuration holds, options that say something else are refused. */
async function resumed(options: TrainOptions): Promise<Run> {
  const run = openRun(options.out);
  const stored = runPath(run, 'experiment.json');
  const config = options.config ?? stored;
  const experiment = readExperiment(stored);
  if (!isDeepStrictEqual(resolveExperiment({ ...options, config }), experiment)) {
    const fix = 'leave the other options out, or start anew in another folder';
    throw new BadInput({ where: '--resume', expected: `the configuration in ${stored}`, got: 'another one', fix });
  }
  const terms = termsOptions(options);
  await acceptNamedTerms(terms);
  await showDataTerms(experiment.data.dataset, terms);
  return run;
}

async function work(run: Run, resume: boolean, signal: AbortSignal): Promise<void> {
  if (resume) await removeUnfinishedBelow(run.folder);
  const { seed } = readExperiment(runPath(run, 'experiment.json'));
  await recorded(run, seed, () => runActive(run, { resume, signal }));
}

/** `3ncore train`: the phases without notebooks. */
export function trainCommand(): Command {
  const command = new Command('train').description('train without notebooks: all three phases into one run folder');
  return addTermsOption(addExperimentOptions(command))
    .requiredOption('--out <dir>', 'the run folder')
    .option('--resume', 'go on from the newest checkpoint in the run folder')
    .action(async (options: TrainOptions) => {
      const { signal, release } = abortOnInterrupt();
      try {
        const resume = options.resume === true && isBegun(options.out);
        const run = await (resume ? resumed(options) : newRun(options, signal));
        if (resume && standingOf(run) === 'done') info(`${run.folder} is finished: there is nothing to go on with`);
        else await work(run, resume, signal);
        process.stdout.write(summaryOf(run));
      } finally {
        release();
      }
    });
}
