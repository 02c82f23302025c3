import { bootstrap, defaultBootstrap, pairedBootstrap } from './bootstrap.js';
import type { BootstrapSettings, Interval, Statistics } from './bootstrap.js';
import {
  modelNames,
  patientOf,
  targets,
  unitOf,
  type ModelName,
  type PredictionRow,
  type Target,
} from './predictions.js';
import { metricNames, metrics, type MetricName } from './regression.js';

/** How many a statistic was computed from. */
interface Counts {
  readonly studies: number;
  readonly patients: number;
  readonly seeds: number;
}

/** One metric of one model on one target with its interval. */
export interface MetricRow extends Interval, Counts {
  readonly model: ModelName;
  readonly target: Target;
  readonly metric: MetricName;
  /** mL, % or empty. */
  readonly unit: string;
}

/** The difference `model` − `reference` of a metric on the same studies, with its paired interval. */
export interface ComparisonRow extends Interval, Counts {
  readonly model: ModelName;
  readonly reference: ModelName;
  readonly target: Target;
  readonly metric: MetricName;
  readonly unit: string;
  /** The better one where the interval excludes zero. */
  readonly favours: ModelName | 'neither';
}

const comparedMetrics = ['MAE', 'RMSE', 'R2'] as const satisfies readonly MetricName[];
const unitless: readonly MetricName[] = ['R2', 'pearson', 'spearman'];
const unit = (metric: MetricName, target: Target): string => (unitless.includes(metric) ? '' : unitOf[target]);

function countsOf(rows: readonly PredictionRow[]): Counts {
  const distinct = (name: (row: PredictionRow) => unknown): number => new Set(rows.map(name)).size;
  return { studies: distinct(studyKey), patients: distinct(patientOf), seeds: distinct((row) => row.seed) };
}

function studyKey(row: PredictionRow): string {
  return JSON.stringify([row.study, row.view]);
}

/** Metrics of training and test studies must not be mixed. */
function checkOneSplit(rows: readonly PredictionRow[]): void {
  const splits = [...new Set(rows.map((row) => row.split))];
  if (splits.length > 1) throw new Error(`predictions of several splits: ${splits.join(', ')}`);
}

/** The metrics of every training seed, averaged over the seeds. */
function seedMeans<K extends MetricName>(
  rows: readonly PredictionRow[],
  target: Target,
  names: readonly K[],
): Statistics<K> {
  const labels = rows.map((row) => row[target]);
  const predicted = rows.map((row) => row[`${target}_pred`]);
  const seeds = [...new Set(rows.map((row) => row.seed))];
  const seedOf = rows.map((row) => seeds.indexOf(row.seed));
  return (drawn) => {
    const sums = Object.fromEntries(names.map((name) => [name, 0])) as Record<K, number>;
    seeds.forEach((_, seed) => {
      const ofSeed = seeds.length === 1 ? drawn : drawn.filter((i) => seedOf[i] === seed);
      const drawnLabels = ofSeed.map((i) => labels[i] as number);
      const drawnPredicted = ofSeed.map((i) => predicted[i] as number);
      for (const name of names) sums[name] += metrics[name](drawnLabels, drawnPredicted) / seeds.length;
    });
    return sums;
  };
}

/**
 * Metrics of each model on each target with bootstrap intervals, one row a metric. A model trained with several seeds has the
 * mean over its seeds of each seed's metric. Rows are of one split.
 */
export function summarise(rows: readonly PredictionRow[], settings: BootstrapSettings = defaultBootstrap): MetricRow[] {
  checkOneSplit(rows);
  return modelNames.flatMap((model) => {
    const ofModel = rows.filter((row) => row.model === model);
    if (ofModel.length === 0) return [];
    const counts = countsOf(ofModel);
    return targets.flatMap((target) => {
      const found = bootstrap(ofModel.map(patientOf), seedMeans(ofModel, target, metricNames), settings);
      return metricNames.map((metric) => ({
        ...{ model, target, metric, unit: unit(metric, target) },
        ...found[metric],
        ...counts,
      }));
    });
  });
}

/** The rows of `reference` that stand beside those of `model`: same study and seed, or the reference's only seed. */
function partners(ofModel: readonly PredictionRow[], ofReference: readonly PredictionRow[]): PredictionRow[] {
  const key = (row: PredictionRow, seed: number): string => `${studyKey(row)} ${seed}`;
  const known = new Map(ofReference.map((row) => [key(row, row.seed), row]));
  const seeds = [...new Set(ofReference.map((row) => row.seed))];
  const found = ofModel.map((row) => known.get(key(row, seeds.length === 1 ? (seeds[0] as number) : row.seed)));
  if (found.includes(undefined) || countsOf(ofModel).studies !== countsOf(ofReference).studies) {
    throw new Error('models compared on different studies or seeds');
  }
  return found as PredictionRow[];
}

function favoured(row: Omit<ComparisonRow, 'favours'>): ComparisonRow['favours'] {
  if (!(row.low > 0 || row.high < 0)) return 'neither';
  const higher = row.low > 0 ? row.model : row.reference;
  const lower = row.low > 0 ? row.reference : row.model;
  return row.metric === 'R2' ? higher : lower;
}

/**
 * Differences `model` − `reference` of MAE, RMSE and R² on each target with paired bootstrap intervals: a negative difference
 * of an error, a positive one of R² speak for `model`. Both models have predicted the same studies of one split.
 */
export function compare(
  rows: readonly PredictionRow[],
  model: ModelName,
  reference: ModelName,
  settings: BootstrapSettings = defaultBootstrap,
): ComparisonRow[] {
  checkOneSplit(rows);
  const ofModel = rows.filter((row) => row.model === model);
  if (ofModel.length === 0) throw new Error(`no predictions of ${model}`);
  // The reference takes the model's seeds, so that both are averaged over the same groups of rows.
  const ofReference = partners(
    ofModel,
    rows.filter((row) => row.model === reference),
  ).map((row, i) => ({ ...row, seed: (ofModel[i] as PredictionRow).seed }));
  return targets.flatMap((target) => {
    const differences = pairedBootstrap(
      ofModel.map(patientOf),
      seedMeans(ofModel, target, comparedMetrics),
      seedMeans(ofReference, target, comparedMetrics),
      settings,
    );
    return comparedMetrics.map((metric) => {
      const row = { model, reference, target, metric, unit: unit(metric, target), ...differences[metric] };
      const complete = { ...row, ...countsOf(ofModel) };
      return { ...complete, favours: favoured(complete) };
    });
  });
}
