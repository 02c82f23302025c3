import { resolveExperiment, type ExperimentOptions } from '../experiment.js';
import { writeJson } from '../files/json.js';
import { gatherWeights } from '../gather.js';
import { createRun, runPath, type Run } from '../run_folder.js';
import { openStudies } from '../studies.js';
import { acceptNamedTerms, showDataTerms } from '../terms.js';
import { termsOptions, type TermsFlags } from './terms_options.js';

/** What the commands that begin a run have in common. */
export interface NewRunOptions extends ExperimentOptions, TermsFlags {
  readonly out?: string;
}

/**
 * Begins a run with its `experiment.json`; terms are shown or asked for, and a wrong data folder and missing weights are
 * told, before anything is written.
 */
export async function newRun(options: NewRunOptions, signal: AbortSignal): Promise<Run> {
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
