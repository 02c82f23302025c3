import { existsSync, readdirSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { targets, type ModelName, type Target } from './analysis/predictions.js';
import { readExperiment } from './experiment.js';
import { fileError } from './files/atomic.js';
import { messageOf } from './host/errors.js';
import { readReport, reportPath } from './report/report.js';
import { readRecord, type Standing } from './run_record.js';
import type { ActiveReport } from './schema/generated/reports.js';
import { trainedEncoder, type EncoderTraining } from './student_files.js';
import type { TrainedModel } from './student_run.js';

/** A TEST MAE with its interval: mL for volumes, % for EF; null where not defined. */
export interface TestError {
  readonly target: Target;
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** A model's errors on TEST. */
export interface RunModel {
  readonly model: ModelName;
  readonly MAE: readonly TestError[];
}

/** An adapter of a run, or an encoder that it trained in full. */
export interface AdapterVersion {
  /** The time it was written, its folder's name. */
  readonly version: string;
  readonly model: TrainedModel;
  readonly kind: EncoderTraining;
  /** Relative to the run folder. */
  readonly path: string;
  /** Null: the run's report does not speak of this one. */
  readonly parameters: number | null;
  readonly MAE: readonly TestError[];
}

/**
 * `killed`: left running by a process that is gone; `unrecorded`: notebooks made it by themselves, without `run.json`;
 * `broken`: a file that says what it is cannot be read; `no run`: none of a run's files is there.
 */
export type ListedStatus = Standing | 'unrecorded' | 'broken' | 'no run';

/** What a folder of runs says of one of them. */
export interface ListedRun {
  readonly name: string;
  readonly status: ListedStatus;
  /** Why it failed, what is broken, or what cannot be known. */
  readonly problem: string | null;
  readonly created: string | null;
  readonly preset: string | null;
  readonly dataset: string | null;
  readonly seed: number | null;
  readonly stamps: readonly string[];
  readonly models: readonly RunModel[];
  readonly adapters: readonly AdapterVersion[];
}

const modelFolders: readonly (readonly [TrainedModel, string])[] = [
  ['distilled', ''],
  ['baseline', 'baseline'],
];

/** The value of `read`, or nothing and why; a file that is not there is no problem. */
function attempt<T>(path: string, problems: string[], read: () => T): T | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return read();
  } catch (error) {
    problems.push(messageOf(error));
    return undefined;
  }
}

function errorsOf(report: ActiveReport | undefined, model: string): TestError[] {
  const rows = report?.body.metrics.filter((row) => row.model === model && row.metric === 'MAE') ?? [];
  return targets.flatMap((target) => {
    const row = rows.find((found) => found.target === target);
    return row === undefined ? [] : [{ target, value: row.value, low: row.low, high: row.high }];
  });
}

function modelsOf(report: ActiveReport | undefined): RunModel[] {
  const names = new Set(report?.body.metrics.map(({ model }) => model));
  return [...names].map((model) => ({ model, MAE: errorsOf(report, model) }));
}

/** The adapters that stand in a run folder, each model's oldest first. */
function adaptersOf(folder: string, report: ActiveReport | undefined): AdapterVersion[] {
  return modelFolders.flatMap(([model, below]) => {
    const parent = join(folder, below, 'adapters');
    if (!existsSync(parent)) return [];
    return readdirSync(parent)
      .sort()
      .flatMap((version) => {
        const kind = trainedEncoder(join(parent, version))?.kind;
        if (kind === undefined) return [];
        const path = relative(folder, join(parent, version));
        const reported = report?.body.adapters.find((adapter) => adapter.path === path);
        const MAE = reported === undefined ? [] : errorsOf(report, model);
        return [{ version, model, kind, path, parameters: reported?.parameters ?? null, MAE }];
      });
  });
}

const runFiles = ['run.json', 'experiment.json', 'reservoir.report.json', 'conduit.report.json', 'active.report.json'];

/** What a folder says of the run in it; never throws because of what it finds. */
export function describeRun(folder: string): ListedRun {
  const problems: string[] = [];
  const [record, config] = [join(folder, 'run.json'), join(folder, 'experiment.json')];
  const run = attempt(record, problems, () => readRecord(record));
  const experiment = attempt(config, problems, () => readExperiment(config));
  const report = attempt(reportPath(folder, 'active'), problems, () => readReport(folder, 'active'));
  const isRun = runFiles.some((name) => existsSync(join(folder, name)));
  const status = !isRun ? 'no run' : problems.length > 0 ? 'broken' : (run?.status ?? 'unrecorded');
  if (run?.error) problems.unshift(run.error);
  if (run?.status === 'running' && run.process === 'elsewhere')
    problems.unshift('runs on another computer, or was killed there: only that one can tell');
  return {
    name: basename(folder),
    status,
    problem: problems.length > 0 ? problems.join(' ') : null,
    created: run?.created ?? report?.created ?? null,
    preset: experiment?.preset ?? null,
    dataset: experiment?.data.dataset ?? null,
    seed: experiment?.seed ?? null,
    stamps: report?.stamps ?? [],
    models: modelsOf(report),
    adapters: adaptersOf(folder, report),
  };
}

/**
 * The runs in a folder of runs by name, which is by age; a run folder itself gives that run. Links (`latest`) and hidden
 * folders are left out.
 * @throws BadInput when the folder cannot be read.
 */
export function listRuns(folder: string): ListedRun[] {
  const root = resolve(folder);
  if (existsSync(join(root, 'experiment.json'))) return [describeRun(root)];
  try {
    return readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .sort()
      .map((name) => describeRun(join(root, name)));
  } catch (error) {
    throw fileError(error, root, 'a folder of runs');
  }
}
