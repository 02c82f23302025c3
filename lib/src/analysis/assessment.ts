import { blandAltman, type BlandAltman } from './bland_altman.js';
import { defaultBootstrap, type BootstrapSettings } from './bootstrap.js';
import { consistency, type Consistency } from './consistency.js';
import { compare, summarise, type ComparisonRow, type MetricRow } from './evaluate.js';
import { modelNames, patientOf, targets, type ModelName, type PredictionRow, type Target } from './predictions.js';

/** All statistics of a run's test predictions, as the report of the Active phase holds them. */
export interface Assessment {
  readonly bootstrap: BootstrapSettings;
  readonly metrics: MetricRow[];
  readonly comparisons: ComparisonRow[];
  readonly bland_altman: (BlandAltman & { readonly model: ModelName; readonly target: Target })[];
  readonly consistency: (Consistency & { readonly model: ModelName })[];
}

const pairs: readonly (readonly [ModelName, ModelName])[] = [
  ['distilled', 'baseline'],
  ['distilled', 'teacher_probe'],
  ['distilled', 'mean'],
  ['baseline', 'mean'],
  ['teacher_probe', 'mean'],
];

function of(rows: readonly PredictionRow[], model: ModelName): PredictionRow[] {
  return rows.filter((row) => row.model === model);
}

function agreement(rows: readonly PredictionRow[], target: Target, settings: BootstrapSettings): BlandAltman {
  const labels = rows.map((row) => row[target]);
  const predicted = rows.map((row) => row[`${target}_pred`]);
  return blandAltman(labels, predicted, rows.map(patientOf), settings);
}

/**
 * Metrics, paired comparisons, agreement and consistency of the models that predicted the test studies. Agreement and
 * consistency take the rows of all training seeds together. Yields how many pieces there are, before each of them: on 1,277
 * studies one takes a second or two.
 */
export function* assessing(
  rows: readonly PredictionRow[],
  settings: BootstrapSettings = defaultBootstrap,
): Generator<number, Assessment> {
  const present = modelNames.filter((model) => rows.some((row) => row.model === model));
  const trained = present.filter((model) => model !== 'mean');
  const compared = pairs.filter((pair) => pair.every((model) => present.includes(model)));
  const pieces = present.length + compared.length + trained.length;
  const found: Assessment = { bootstrap: settings, metrics: [], comparisons: [], bland_altman: [], consistency: [] };
  for (const model of present) {
    yield pieces;
    found.metrics.push(...summarise(of(rows, model), settings));
  }
  for (const [model, reference] of compared) {
    yield pieces;
    found.comparisons.push(...compare(rows, model, reference, settings));
  }
  for (const model of trained) {
    yield pieces;
    const ofModel = of(rows, model);
    for (const target of targets) {
      found.bland_altman.push({ model, target, ...agreement(ofModel, target, settings) });
    }
    found.consistency.push({ model, ...consistency(ofModel, settings) });
  }
  return found;
}
