import type { ComparisonRow, MetricRow } from '../analysis/evaluate.js';
import { differenceFigure, errorFigure } from '../report/figures/comparison.js';
import { curriculumFigure, lossFigure, validationFigure } from '../report/figures/training.js';
import { comparisonsTable, metricsTable } from '../report/result_tables.js';
import type { Figure } from '../report/figure.js';
import type { Experiment } from '../schema/generated/experiment.js';
import type { ActiveBody, ActiveReport, CohortPart } from '../schema/generated/reports.js';
import type { Reduced } from './reduced.js';
import { averagedHistory, fewestPatients, shownIf } from './small_cells.js';

const countsOf = ({ studies, patients, labelled_patients }: CohortPart): CohortPart => ({
  ...{ studies, patients, labelled_patients },
});

/** Losses averaged over steps, errors on VAL: where enough patients stand behind them. */
function trainingOf({ cohort, training }: ActiveBody): ActiveBody['training'] {
  const few = cohort.VAL.patients < fewestPatients;
  return training.map(({ model, seed, steps, seconds, history, validation }) => ({
    ...{ model, seed, steps, seconds, history: averagedHistory(history, cohort.TRAIN) },
    validation: validation.map(({ step, task, mae }) => ({
      ...{ step, task: few ? null : task },
      mae: few ? [null, null, null] : [...mae],
    })),
  }));
}

function metricsOf({ metrics }: ActiveBody): ActiveBody['metrics'] {
  return metrics.map(({ model, target, metric, unit, studies, patients, seeds, ...statistic }) => ({
    ...{ model, target, metric, unit, ...shownIf(patients, statistic), studies, patients, seeds },
  }));
}

function comparisonsOf({ comparisons }: ActiveBody): ActiveBody['comparisons'] {
  return comparisons.map(
    ({ model, reference, target, metric, unit, studies, patients, seeds, favours, ...statistic }) => ({
      ...{ model, reference, target, metric, unit, ...shownIf(patients, statistic), studies, patients, seeds },
      favours: patients < fewestPatients ? 'neither' : favours,
    }),
  );
}

/** Agreement and consistency count rows; as many patients stand behind them as behind the metrics. */
function agreementOf({ bland_altman, consistency }: ActiveBody, patients: number) {
  return {
    bland_altman: bland_altman.map(({ model, target, n, bias, lower, upper }) => ({
      ...{ model, target, n, bias: shownIf(patients, bias) },
      ...{ lower: shownIf(patients, lower), upper: shownIf(patients, upper) },
    })),
    consistency:
      patients < fewestPatients
        ? []
        : consistency.map(({ model, n, implausible, difference, bias, head_MAE, volumes_MAE }) => ({
            ...{ model, n, implausible, difference: shownIf(patients, difference), bias: shownIf(patients, bias) },
            ...{ head_MAE: shownIf(patients, head_MAE), volumes_MAE: shownIf(patients, volumes_MAE) },
          })),
  };
}

function isShown<T extends { readonly value: number | null }>(row: T): boolean {
  return row.value !== null;
}

function figuresOf(
  body: ActiveBody,
  metrics: MetricRow[],
  comparisons: ComparisonRow[],
  stamps: readonly string[],
): Figure[] {
  const { training } = body;
  const hasLosses = training.some(({ history }) => history.length > 0);
  const hasErrors = training.some(({ validation }) => validation.some(({ task }) => task !== null));
  return [
    ...(hasLosses ? [lossFigure(training, 'task', stamps)] : []),
    ...(hasLosses ? training.slice(0, 1).map((run) => curriculumFigure(run, stamps)) : []),
    ...(hasErrors ? [validationFigure(training, 'EF', stamps)] : []),
    ...(metrics.some(({ target }) => target === 'EF') ? [errorFigure(metrics, 'EF', 'MAE', stamps)] : []),
    ...(comparisons.some(({ target }) => target === 'EF') ? [differenceFigure(comparisons, 'EF', 'MAE', stamps)] : []),
  ];
}

/** What of Active's report may be shared: how training went and what TEST as a whole says; no prediction and no adapter. */
export function shareableActive(
  { body }: ActiveReport,
  experiment: Experiment,
  stamps: readonly string[],
): Reduced<'active'> {
  const patients = Math.max(0, ...body.metrics.map((row) => row.patients));
  const { cohort } = body;
  const { B, seed, level } = body.bootstrap;
  const reduced: ActiveBody = {
    cohort: { TRAIN: countsOf(cohort.TRAIN), VAL: countsOf(cohort.VAL), TEST: countsOf(cohort.TEST) },
    ...{ experiment, seeds: [...body.seeds], training: trainingOf(body) },
    ...{ bootstrap: { B, seed, level }, metrics: metricsOf(body), comparisons: comparisonsOf(body) },
    ...{ ...agreementOf(body, patients), adapters: [], checkpoints: [] },
  };
  const metrics = reduced.metrics.filter(isShown) as MetricRow[];
  const comparisons = reduced.comparisons.filter(isShown) as ComparisonRow[];
  return {
    parts: {
      ...{ title: 'Active: training and analysis', stamps, body: reduced },
      tables: [metricsTable(metrics), comparisonsTable(comparisons)],
    },
    figures: figuresOf(reduced, metrics, comparisons, stamps),
    hidden: [...body.metrics, ...body.comparisons].filter(isShown).length - metrics.length - comparisons.length,
  };
}
