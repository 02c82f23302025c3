import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { runActive } from '../active.js';
import { readExperiment, resolveExperiment, type ExperimentOptions } from '../experiment.js';
import { writeJson } from '../files/json.js';
import { abortOnInterrupt } from '../host/abort.js';
import { BadInput } from '../host/errors.js';
import { createRun, openRun, runPath, type Run } from '../run_folder.js';
import { recorded } from '../run_record.js';
import { openStudies } from '../studies.js';
import { addExperimentOptions } from './experiment_options.js';
import { gatherFirst, summaryOf } from './start.js';
import { addTermsOption, type TermsFlags } from './terms_options.js';

interface TrainOptions extends ExperimentOptions, TermsFlags {
  readonly out: string;
  readonly resume?: boolean;
}

/** A run to go on with: its own configuration holds, another one is refused. */
function resumed({ out, config }: TrainOptions): Run {
  const run = openRun(out);
  const stored = runPath(run, 'experiment.json');
  if (config !== undefined && JSON.stringify(readExperiment(config)) !== JSON.stringify(readExperiment(stored))) {
    const fix = 'leave --config out, or start anew in another folder';
    throw new BadInput({ where: config, expected: `the configuration in ${stored}`, got: 'another one', fix });
  }
  return run;
}

async function fresh(options: TrainOptions): Promise<Run> {
  const experiment = resolveExperiment(options);
  if (experiment.data.root !== null) await openStudies(experiment);
  await gatherFirst(experiment, options);
  const run = createRun(options.out);
  await writeJson(runPath(run, 'experiment.json'), experiment);
  return run;
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
        const resume = options.resume === true && existsSync(options.out);
        const run = resume ? resumed(options) : await fresh(options);
        const { seed } = readExperiment(runPath(run, 'experiment.json'));
        await recorded(run, seed, () => runActive(run, { resume, signal }));
        process.stdout.write(summaryOf(run));
      } finally {
        release();
      }
    });
}
