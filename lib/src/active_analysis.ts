import { blandAltman, type BlandAltman } from './analysis/bland_altman.js';
import { defaultBootstrap, type BootstrapSettings } from './analysis/bootstrap.js';
import { consistency, type Consistency } from './analysis/consistency.js';
import { compare, summarise, type ComparisonRow, type MetricRow } from './analysis/evaluate.js';
import { patientOf, targets, type ModelName, type PredictionRow, type Target } from './analysis/predictions.js';
import type { Section } from './phase.js';
import { blandAltmanFigure, scatterFigure } from './report/figures/agreement.js';
import { differenceFigure, errorFigure } from './report/figures/comparison.js';
import { comparisonsTable, metricsTable } from './report/result_tables.js';
import type { Experiment } from './schema/generated/experiment.js';

/** What was found on TEST. */
export interface Analysis {
  readonly bootstrap: BootstrapSettings;
  readonly metrics: readonly MetricRow[];
  readonly comparisons: readonly ComparisonRow[];
  readonly blandAltman: readonly ({ readonly model: ModelName; readonly target: Target } & BlandAltman)[];
  readonly consistency: readonly ({ readonly model: ModelName } & Consistency)[];
}

const pairs: readonly (readonly [ModelName, ModelName])[] = [
  ['distilled', 'baseline'],
  ['distilled', 'mean'],
  ['baseline', 'mean'],
];

function agreementOf(rows: readonly PredictionRow[], model: ModelName, target: Target, settings: BootstrapSettings) {
  const ofModel = rows.filter((row) => row.model === model);
  const labels = ofModel.map((row) => row[target]);
  const predicted = ofModel.map((row) => row[`${target}_pred`]);
  return { model, target, ...blandAltman(labels, predicted, ofModel.map(patientOf), settings) };
}

/** Metrics, agreement and consistency of every model on the TEST rows, with their tables and figures. */
export function evaluateModels(
  all: readonly PredictionRow[],
  experiment: Experiment,
  stamps: readonly string[],
): { analysis: Analysis; section: Section } {
  const rows = all.filter(({ split }) => split === 'TEST');
  const bootstrap = { ...defaultBootstrap, B: experiment.analysis.bootstrap_samples, seed: experiment.seed };
  const trained = (['distilled', 'baseline'] as const).filter((model) => rows.some((row) => row.model === model));
  const analysis: Analysis = {
    bootstrap,
    metrics: summarise(rows, bootstrap),
    comparisons: pairs
      .filter(([model, reference]) => [model, reference].every((name) => rows.some((row) => row.model === name)))
      .flatMap(([model, reference]) => compare(rows, model, reference, bootstrap)),
    blandAltman: trained.flatMap((model) => targets.map((target) => agreementOf(rows, model, target, bootstrap))),
    consistency: trained.map((model) => ({
      model,
      ...consistency(
        rows.filter((row) => row.model === model),
        bootstrap,
      ),
    })),
  };
  const bias = analysis.blandAltman.filter(({ target, model }) => target === 'EF' && model === trained[0]);
  return {
    analysis,
    section: {
      tables: [metricsTable(analysis.metrics)],
      figures: [
        ...targets.map((target) => scatterFigure(rows, target, stamps)),
        errorFigure(analysis.metrics, 'EF', 'MAE', stamps),
        ...bias.map((found) => blandAltmanFigure(rows, found.model, 'EF', found, stamps)),
      ],
    },
  };
}

/** The paired differences as a table and, for EF and EDV, as figures. */
export function compareModels({ comparisons }: Analysis, stamps: readonly string[]): Section {
  return {
    tables: [comparisonsTable(comparisons)],
    figures: [differenceFigure(comparisons, 'EF', 'MAE', stamps), differenceFigure(comparisons, 'EDV', 'MAE', stamps)],
  };
}
