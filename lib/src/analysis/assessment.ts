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

/**
 * Metrics, paired comparisons, agreement and consistency of the models that predicted the test studies. Agreement and
 * consistency take the rows of all training seeds together.
 */
export function assess(rows: readonly PredictionRow[], settings: BootstrapSettings = defaultBootstrap): Assessment {
  const present = modelNames.filter((model) => rows.some((row) => row.model === model));
  const trained = present.filter((model) => model !== 'mean');
  const of = (model: ModelName): PredictionRow[] => rows.filter((row) => row.model === model);
  const agreement = (model: ModelName, target: Target): BlandAltman => {
    const ofModel = of(model);
    const labels = ofModel.map((row) => row[target]);
    const predicted = ofModel.map((row) => row[`${target}_pred`]);
    return blandAltman(labels, predicted, ofModel.map(patientOf), settings);
  };
  return {
    bootstrap: settings,
    metrics: summarise(rows, settings),
    comparisons: pairs
      .filter((pair) => pair.every((model) => present.includes(model)))
      .flatMap(([model, reference]) => compare(rows, model, reference, settings)),
    bland_altman: trained.flatMap((model) => targets.map((target) => ({ model, target, ...agreement(model, target) }))),
    consistency: trained.map((model) => ({ model, ...consistency(of(model), settings) })),
  };
}
