import type { ModelName, PredictionRow } from 'gemma-3ncore/analysis/predictions';

/** EF labels and two sets of predictions that the SciPy values in these tests were computed from. */
export const labels = [62.1, 35.4, 55.0, 48.7, 71.2, 55.0, 20.3, 66.6, 58.9, 44.4];
export const predicted = [58.3, 41.0, 57.2, 48.7, 64.9, 51.1, 33.8, 61.0, 58.9, 50.2];
export const others = [60.0, 39.2, 49.9, 52.3, 66.0, 57.5, 41.8, 59.3, 50.0, 47.1];
export const patients = labels.map((_, i) => `patient${i}`);

/** Predictions of one model whose volumes follow from its EF. */
export function rowsOf(model: ModelName, values: readonly number[], seed = 0): PredictionRow[] {
  return values.map((EF_pred, i) => {
    const EF = labels[i];
    const volumes = { EDV: 100, ESV: 100 - EF, EDV_pred: 110, ESV_pred: 110 - 1.1 * EF_pred };
    return { study: `s${i}`, view: '4CH', split: 'TEST', model, seed, EF, EF_pred, ...volumes };
  });
}
