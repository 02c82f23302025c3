import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { newTimestampFolder } from './distill/checkpoint.js';
import { readExperiment, resolveExperiment, type ExperimentOptions } from './experiment.js';
import { writeJson } from './files/json.js';
import { BadInput } from './host/errors.js';
import { projectPath } from './host/places.js';
import { createRun, moveLatest, runPath, type Run } from './run_folder.js';
import type { Experiment } from './schema/generated/experiment.js';

/** A new run of a configuration, to which `latest` moves, so that the next notebook finds it. */
async function beginRun(experiment: Experiment, runs: string): Promise<Run> {
  const { root } = experiment.data;
  if (root !== null && !existsSync(root)) {
    throw new BadInput({ where: root, expected: 'the folder of the data set', got: 'none', fix: 'set dataRoot to it' });
  }
  const run = createRun(newTimestampFolder(runs));
  await writeJson(runPath(run, 'experiment.json'), experiment);
  moveLatest(run, runs);
  return run;
}

/** The configuration that a run has, if it has one yet, with the options over it; else the preset `phantom` with them. */
function experimentOf(run: Run | undefined, options: ExperimentOptions): Experiment {
  const stored = run && runPath(run, 'experiment.json');
  const base =
    options.config === undefined && options.preset === undefined && stored !== undefined && existsSync(stored);
  return resolveExperiment(base ? { ...options, config: stored } : options);
}

function hasConfiguration(run: Run, experiment: Experiment): boolean {
  const stored = runPath(run, 'experiment.json');
  return existsSync(stored) && isDeepStrictEqual(readExperiment(stored), experiment);
}

/** The run that `RUN_DIR` names; a new one takes the options. */
async function givenRun(given: string, options: ExperimentOptions | undefined): Promise<Run> {
  if (!existsSync(given)) throw new BadInput({ where: 'RUN_DIR', expected: 'a run folder', got: given });
  const run = { folder: resolve(given) };
  if (options === undefined) return run;
  const experiment = experimentOf(run, options);
  if (hasConfiguration(run, experiment)) return run;
  if (existsSync(runPath(run, 'experiment.json'))) throw otherConfiguration(run);
  await writeJson(runPath(run, 'experiment.json'), experiment);
  return run;
}

function otherConfiguration(run: Run): BadInput {
  const where = runPath(run, 'experiment.json');
  const fix = 'let RUN_DIR name a new folder, or leave it unset';
  return new BadInput({ where, expected: 'the configuration that is asked for', got: 'another one', fix });
}

/**
 * The run a notebook belongs to: `RUN_DIR`, else `runs/latest` while it is not finished, else a new one with the same
 * configuration. Options go over that configuration, or over a preset or a file that they name; where they ask for another
 * one than the run's a new run begins.
 * @throws BadInput when `RUN_DIR` is no folder or has another configuration, or the options are not valid.
 */
export async function currentRun(options: ExperimentOptions = {}, runs = projectPath('runs')): Promise<Run> {
  const asked = Object.values(options).some((value) => value !== undefined);
  const given = process.env['RUN_DIR'];
  if (given !== undefined && given !== '') return givenRun(given, asked ? options : undefined);
  const link = join(runs, 'latest');
  const latest = existsSync(link) ? { folder: realpathSync(link) } : undefined;
  const experiment = experimentOf(latest, options);
  const goesOn = latest !== undefined && !existsSync(runPath(latest, 'active.report.json'));
  return goesOn && (!asked || hasConfiguration(latest, experiment)) ? latest : beginRun(experiment, runs);
}

/**
 * Gives a run a configuration. One whose training has begun keeps its own: then a new run begins beside it.
 * @throws BadInput where that would be another run than `RUN_DIR` names.
 */
export async function ofConfiguration(run: Run, experiment: Experiment): Promise<Run> {
  if (hasConfiguration(run, experiment)) return run;
  if (!existsSync(runPath(run, 'checkpoints'))) {
    await writeJson(runPath(run, 'experiment.json'), experiment);
    return run;
  }
  if (process.env['RUN_DIR']) throw otherConfiguration(run);
  return beginRun(experiment, dirname(run.folder));
}
