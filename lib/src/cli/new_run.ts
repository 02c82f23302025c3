import { isDeepStrictEqual } from 'node:util';
import { readExperiment, resolveExperiment, type ExperimentOptions } from '../experiment.js';
import { removeUnfinishedBelow } from '../files/atomic_folder.js';
import { writeJson } from '../files/json.js';
import { gatherWeights } from '../gather.js';
import { BadInput } from '../host/errors.js';
import { info } from '../host/log.js';
import { createRun, isBegun, openRun, runPath, type Run } from '../run_folder.js';
import { standingOf } from '../run_record.js';
import { openStudies } from '../studies.js';
import { acceptNamedTerms, showDataTerms } from '../terms.js';
import { termsOptions, type TermsFlags } from './terms_options.js';

/** What the commands that begin a run have in common. */
export interface NewRunOptions extends ExperimentOptions, TermsFlags {
  readonly out?: string;
  /** Goes on with the run that stands in `out`, if there is one. */
  readonly resume?: boolean;
}

/**
 * Begins a run with its `experiment.json`; terms are shown or asked for, and a wrong data folder and missing weights are
 * told, before anything is written.
 */
async function newRun(options: NewRunOptions, signal: AbortSignal): Promise<Run> {
  const experiment = resolveExperiment(options);
  const terms = termsOptions(options);
  await acceptNamedTerms(terms);
  await showDataTerms(experiment.data.dataset, terms);
  if (experiment.data.root !== null) await openStudies(experiment, signal);
  await gatherWeights(experiment, { ...terms, signal });
  const run = createRun(options.out);
  await writeJson(runPath(run, 'experiment.json'), experiment);
  return run;
}

/** A run to go on with: its own configuration holds, options that say something else are refused. */
async function resumedRun(out: string, options: NewRunOptions): Promise<Run> {
  const run = openRun(out);
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

/** A run to work on. */
export interface BegunRun {
  readonly run: Run;
  /** Whether it goes on from what stands there. */
  readonly resumed: boolean;
  readonly finished: boolean;
}

/**
 * The run that stands in `out`, cleared of what a kill left half written, where that is asked for and there is one; else a
 * new one.
 */
export async function openOrBegin(options: NewRunOptions, signal: AbortSignal): Promise<BegunRun> {
  const { out, resume } = options;
  if (resume !== true || out === undefined || !isBegun(out)) {
    return { run: await newRun(options, signal), resumed: false, finished: false };
  }
  const run = await resumedRun(out, options);
  const finished = standingOf(run) === 'done';
  if (finished) info(`${run.folder} is finished: there is nothing to go on with`);
  else await removeUnfinishedBelow(run.folder);
  return { run, resumed: true, finished };
}
