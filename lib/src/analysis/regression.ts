import { mean, rootMeanSquare, sampleCorrelation } from 'simple-statistics';

/** Agreement of predictions with labels; errors and bias in the labels' unit. NaN where a metric is not defined. */
export interface RegressionMetrics {
  /** Mean absolute error. */
  readonly MAE: number;
  /** Root mean squared error. */
  readonly RMSE: number;
  /** Coefficient of determination, 1 − SS_res/SS_tot (sklearn.metrics.r2_score); negative where the mean does better. */
  readonly R2: number;
  readonly pearson: number;
  readonly spearman: number;
  /** Mean of predicted − label. */
  readonly bias: number;
}

export type MetricName = keyof RegressionMetrics;
export const metricNames = [
  'MAE',
  'RMSE',
  'R2',
  'pearson',
  'spearman',
  'bias',
] as const satisfies readonly MetricName[];

type Values = readonly number[];

/** predicted − label, pair by pair. */
export function residuals(labels: Values, predicted: Values): number[] {
  if (labels.length !== predicted.length) throw new Error(`${labels.length} labels, ${predicted.length} predictions`);
  return labels.map((label, i) => (predicted[i] as number) - label);
}

/** Rounding makes the standard deviation of equal numbers a tiny positive one, so constancy is asked of the values. */
function isConstant(values: Values): boolean {
  return values.every((value) => value === values[0]);
}

/** Mean absolute error; NaN of nothing. */
export function meanAbsoluteError(labels: Values, predicted: Values): number {
  return labels.length === 0 ? NaN : mean(residuals(labels, predicted).map(Math.abs));
}

/** Root mean squared error; NaN of nothing. */
export function rootMeanSquaredError(labels: Values, predicted: Values): number {
  return labels.length === 0 ? NaN : rootMeanSquare(residuals(labels, predicted));
}

/** Mean of predicted − label; NaN of nothing. */
export function bias(labels: Values, predicted: Values): number {
  return labels.length === 0 ? NaN : mean(residuals(labels, predicted));
}

/** Coefficient of determination; NaN where the labels do not vary. */
export function rSquared(labels: Values, predicted: Values): number {
  if (isConstant(labels)) return NaN;
  const centre = mean([...labels]);
  let unexplained = 0;
  let total = 0;
  residuals(labels, predicted).forEach((residual, i) => {
    unexplained += residual ** 2;
    total += ((labels[i] as number) - centre) ** 2;
  });
  return 1 - unexplained / total;
}

/** Pearson's correlation; NaN where either side does not vary (a model that predicts the mean). */
export function pearson(a: Values, b: Values): number {
  return isConstant(a) || isConstant(b) ? NaN : sampleCorrelation([...a], [...b]);
}

/** Ranks from 1, equal values sharing the mean of theirs (scipy.stats.rankdata). */
export function ranks(values: Values): number[] {
  const ascending = Float64Array.from(values).sort();
  const rankOf = new Map<number, number>();
  for (let first = 0; first < ascending.length;) {
    const value = ascending[first] as number;
    let end = first + 1;
    while (end < ascending.length && ascending[end] === value) end += 1;
    rankOf.set(value, (first + 1 + end) / 2);
    first = end;
  }
  return values.map((value) => rankOf.get(value) as number);
}

/** Spearman's rank correlation with ties (simple-statistics' breaks them by position); NaN where either side does not vary. */
export function spearman(a: Values, b: Values): number {
  return isConstant(a) || isConstant(b) ? NaN : pearson(ranks(a), ranks(b));
}

/** Every metric by its name. */
export const metrics: Readonly<Record<MetricName, (labels: Values, predicted: Values) => number>> = {
  MAE: meanAbsoluteError,
  RMSE: rootMeanSquaredError,
  R2: rSquared,
  pearson,
  spearman,
  bias,
};

/** All metrics of a set of predictions. */
export function regressionMetrics(labels: Values, predicted: Values): RegressionMetrics {
  return {
    MAE: meanAbsoluteError(labels, predicted),
    RMSE: rootMeanSquaredError(labels, predicted),
    R2: rSquared(labels, predicted),
    pearson: pearson(labels, predicted),
    spearman: spearman(labels, predicted),
    bias: bias(labels, predicted),
  };
}
