import { assessing, type Assessment } from './analysis/assessment.js';
import { defaultBootstrap } from './analysis/bootstrap.js';
import { targets, type PredictionRow } from './analysis/predictions.js';
import { yieldToEvents } from './host/abort.js';
import { startProgress } from './host/progress.js';
import type { Section } from './phase.js';
import { blandAltmanFigure, scatterFigure } from './report/figures/agreement.js';
import { differenceFigure, errorFigure } from './report/figures/comparison.js';
import { comparisonsTable, differencesTable, errorsTable, metricsTable } from './report/result_tables.js';
import type { Experiment } from './schema/generated/experiment.js';

/** The assessment of the TEST rows with the experiment's bootstrap. */
export async function assessTest(
  rows: readonly PredictionRow[],
  { analysis, seed }: Experiment,
  signal?: AbortSignal,
): Promise<Assessment> {
  const test = rows.filter(({ split }) => split === 'TEST');
  const work = assessing(test, { ...defaultBootstrap, B: analysis.bootstrap_samples, seed });
  let step = work.next();
  const progress = startProgress('Statistics', step.done === true ? 0 : step.value);
  while (step.done !== true) {
    await yieldToEvents(signal);
    step = work.next();
    progress.advance();
  }
  progress.end();
  return step.value;
}

/** Metrics of every model as a table, and how predictions lie against the labels. */
export function metricsSection(
  rows: readonly PredictionRow[],
  { metrics, bland_altman }: Assessment,
  stamps: readonly string[],
): Section {
  const test = rows.filter(({ split }) => split === 'TEST');
  const agreement = bland_altman.find(({ target }) => target === 'EF');
  return {
    tables: [errorsTable(metrics), metricsTable(metrics)],
    figures: [
      ...targets.map((target) => scatterFigure(test, target, stamps)),
      errorFigure(metrics, 'EF', 'MAE', stamps),
      ...(agreement === undefined ? [] : [blandAltmanFigure(test, agreement.model, 'EF', agreement, stamps)]),
    ],
  };
}

/** The paired differences as a table and, for EF and EDV, as figures. */
export function comparisonSection({ comparisons }: Assessment, stamps: readonly string[]): Section {
  return {
    tables: [differencesTable(comparisons), comparisonsTable(comparisons)],
    figures: [differenceFigure(comparisons, 'EF', 'MAE', stamps), differenceFigure(comparisons, 'EDV', 'MAE', stamps)],
  };
}
