import { resolve } from 'node:path';
import { loraTargets } from './adapters/lora_targets.js';
import { planBridges } from './bridges.js';
import { readJson } from './files/json.js';
import { BadInput } from './host/errors.js';
import { printable } from './host/text.js';
import * as mobilenet from './models/mobilenet_v5.js';
import type { Experiment } from './schema/generated/experiment.js';
import { studentPrecision } from './precision.js';
import { preset, presetNames } from './schema/presets.js';
import { validate } from './schema/validate.js';
import { adapterConfig } from './student_model.js';
import { studentBaseConfig } from './weights.js';

/** What the command line or a notebook may say over a configuration. */
export interface ExperimentOptions {
  /** A file that holds the configuration. */
  readonly config?: string | undefined;
  /** The configuration where no file is given; by default `phantom`. */
  readonly preset?: string | undefined;
  readonly dataset?: string | undefined;
  readonly dataRoot?: string | undefined;
  readonly limit?: number | undefined;
  readonly seed?: number | undefined;
}

/** Does a check whose complaints then also name the configuration. */
function within<T>(where: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    throw new BadInput({ ...error.details, where: `${where}, ${error.details.where}` }, { cause: error });
  }
}

/** What the towers' configurations say to the fields that name their parts; no weights are read. */
function checkTowers(experiment: Experiment): void {
  planBridges(experiment);
  studentPrecision(experiment);
  const adapter = adapterConfig(experiment);
  if (adapter !== null) loraTargets(mobilenet.spec(studentBaseConfig(experiment.student.weights)), adapter);
}

/** What the schema cannot say: how fields go together; `where` names the configuration in messages. */
function checkTogether(experiment: Experiment, where: string): Experiment {
  const { training, data } = experiment;
  if (training.feature_steps >= training.steps) {
    throw new BadInput({
      where: `${where}, training.feature_steps`,
      expected: `fewer than training.steps (${training.steps})`,
      got: String(training.feature_steps),
    });
  }
  const { EDV, ESV, EF } = training.target_weights;
  if (EDV + ESV + EF === 0) {
    throw new BadInput({
      where: `${where}, training.target_weights`,
      expected: 'at least one above 0',
      got: 'zeros alone',
    });
  }
  if (data.dataset !== 'phantom' && data.root === null) {
    throw new BadInput({
      where: `${where}, data.root`,
      expected: `the folder of ${data.dataset}`,
      got: 'null',
      fix: 'give --data-root DIR (dataRoot in a notebook) or set data.root',
    });
  }
  within(where, () => checkTowers(experiment));
  return experiment;
}

/**
 * A configuration from a file.
 * @throws BadInput if it cannot be read, is no JSON, or is not valid.
 */
export function readExperiment(file: string): Experiment {
  return validate<Experiment>('experiment', readJson(file), file);
}

/** The file that the options name, else the preset. */
function baseOf({ config, preset: name = 'phantom' }: ExperimentOptions): Experiment {
  if (config !== undefined) return readExperiment(config);
  const known = presetNames.find((candidate) => candidate === name);
  if (known !== undefined) return preset(known);
  throw new BadInput({ where: 'preset', expected: `one of ${presetNames.join(', ')}`, got: printable(name) });
}

/** Of another data set only its own folder makes sense. */
function rootOf({ data }: Experiment, { dataset, dataRoot }: ExperimentOptions): string | null {
  if (dataRoot !== undefined) return resolve(dataRoot);
  return dataset === undefined || dataset === data.dataset ? data.root : null;
}

/** The configuration of a run: the file or the preset, with what else the options say over it. */
export function resolveExperiment(options: ExperimentOptions): Experiment {
  const base = baseOf(options);
  const dataset = options.dataset ?? base.data.dataset;
  const merged = {
    ...base,
    seed: options.seed ?? base.seed,
    data: { ...base.data, dataset, root: rootOf(base, options), limit: options.limit ?? base.data.limit },
  };
  return checkExperiment(merged, options.config ?? 'the options');
}

/**
 * A configuration that is valid in all that can be told without reading weights or data.
 * @throws BadInput if it is not; `where` names it.
 */
export function checkExperiment(experiment: unknown, where: string): Experiment {
  return checkTogether(validate<Experiment>('experiment', experiment, where), where);
}
