import { Command } from 'commander';
import { runActive } from '../active.js';
import { readExperiment } from '../experiment.js';
import { abortOnInterrupt } from '../host/abort.js';
import { runPath, type Run } from '../run_folder.js';
import { recorded } from '../run_record.js';
import { addExperimentOptions } from './experiment_options.js';
import { openOrBegin, type NewRunOptions } from './new_run.js';
import { summaryOf } from './start.js';
import { addTermsOption } from './terms_options.js';

interface TrainOptions extends NewRunOptions {
  readonly out: string;
}

async function work(run: Run, resume: boolean, signal: AbortSignal): Promise<void> {
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
        const { run, resumed, finished } = await openOrBegin(options, signal);
        if (!finished) await work(run, resumed, signal);
        process.stdout.write(summaryOf(run));
      } finally {
        release();
      }
    });
}
