import { max, min } from 'simple-statistics';
import { targets, unitOf, type ModelName, type Target } from '../../analysis/predictions.js';
import { escapeHtml } from '../../host/escape.js';
import type { ActiveBody, HistoryEntry } from '../../schema/generated/reports.js';
import { axis, figure, type Figure, type PlotlyObject } from '../figure.js';
import { modelLook, palette } from '../look.js';

/** What a training run logged, as the report of the Active phase holds it. */
export type TrainingRun = Readonly<Pick<ActiveBody['training'][number], 'model' | 'seed'>> & {
  readonly history: readonly Readonly<HistoryEntry>[];
  readonly validation: readonly { readonly step: number; readonly mae: readonly (number | null)[] }[];
};

/** One error of a model trained on so many labelled studies. */
export interface LearningPoint {
  readonly model: ModelName;
  readonly labelled: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

interface Point {
  readonly step: number;
  readonly value: number | null;
}

interface Line {
  readonly x: number[];
  readonly y: number[];
}

function lineOf(points: readonly Point[]): Line {
  const defined = points.filter(({ value }) => value !== null && Number.isFinite(value));
  return { x: defined.map(({ step }) => step), y: defined.map(({ value }) => value as number) };
}

/** One line a run; the runs of a model share its colour and one entry of the legend. */
function runLines(runs: readonly TrainingRun[], pointsOf: (run: TrainingRun) => Point[], mode: string): PlotlyObject[] {
  const several = new Set(runs.map(({ seed }) => seed)).size > 1;
  const known = new Set<ModelName>();
  return runs.map((run) => {
    const { label, color, dash, symbol } = modelLook[run.model];
    const legend = { name: label, legendgroup: run.model, showlegend: !known.has(run.model), text: `seed ${run.seed}` };
    known.add(run.model);
    const look = { line: { color, dash, width: several ? 1.25 : 2 }, marker: { color, symbol, size: 7 } };
    return { type: 'scatter', mode, ...legend, ...lineOf(pointsOf(run)), ...look };
  });
}

const logged = {
  total: { title: 'Training loss', axisTitle: 'weighted sum of the losses' },
  task: { title: 'Task loss in training', axisTitle: 'task loss (standardised targets)' },
  feature: { title: 'Feature matching in training', axisTitle: 'feature loss' },
  gradientNorm: { title: 'Gradient norm in training', axisTitle: 'gradient norm before clipping' },
} as const;

const stepAxis = (): PlotlyObject => axis('optimizer step', { rangemode: 'tozero' });

/** A logarithmic axis with labels at decades, at 1, 2, 5 where there are few, a linear one where there would be none. */
function lossAxis(title: string, values: readonly number[]): PlotlyObject {
  const positive = values.filter((value) => value > 0);
  const ratio = positive.length === 0 ? 1 : max(positive) / min(positive);
  if (ratio < 4) return axis(title);
  return axis(title, {
    type: 'log',
    dtick: ratio < 100 ? 'D2' : 1,
    exponentformat: 'power',
    minor: { ticks: 'outside' },
  });
}

/** A logged loss (or the gradient's norm) by optimizer step, on a logarithmic scale where it falls far enough. */
export function lossFigure(
  runs: readonly TrainingRun[],
  what: keyof typeof logged,
  notes: readonly string[] = [],
): Figure {
  const { title, axisTitle } = logged[what];
  const points = ({ history }: TrainingRun): Point[] =>
    history.map((entry) => ({ step: entry.step, value: entry[what] }));
  return figure({
    ...{ name: `training_${what}`, title, data: runLines(runs, points, 'lines'), notes },
    layout: {
      xaxis: stepAxis(),
      yaxis: lossAxis(
        axisTitle,
        runs.flatMap((run) => lineOf(points(run)).y),
      ),
      showlegend: true,
    },
  });
}

/** Mean absolute error of a target on the validation studies by optimizer step. */
export function validationFigure(runs: readonly TrainingRun[], target: Target, notes: readonly string[] = []): Figure {
  const index = targets.indexOf(target);
  const points = ({ validation }: TrainingRun): Point[] =>
    validation.map(({ step, mae }) => ({ step, value: mae[index] ?? null }));
  return figure({
    name: `validation_${target}`,
    title: `${target}: error on validation studies during training`,
    data: runLines(runs, points, 'lines+markers'),
    layout: {
      xaxis: stepAxis(),
      yaxis: axis(`${target} MAE (${unitOf[target]})`, { rangemode: 'tozero' }),
      showlegend: true,
    },
    notes,
  });
}

const weights = [
  { key: 'featureWeight', name: 'feature matching', color: palette.purple, dash: 'solid' },
  { key: 'taskWeight', name: 'task', color: palette.green, dash: 'dash' },
] as const;

/** Weights of the losses by optimizer step, as taken or as planned. */
export interface Curriculum {
  readonly history: readonly Readonly<Pick<HistoryEntry, 'step' | 'featureWeight' | 'taskWeight'>>[];
  /** By default those that were taken. */
  readonly planned?: boolean;
}

/** The curriculum of a run: the weight of each loss by optimizer step. */
export function curriculumFigure({ history, planned = false }: Curriculum, notes: readonly string[] = []): Figure {
  const data = weights.map(({ key, name, color, dash }) => ({
    ...{ type: 'scatter', mode: 'lines', name, line: { width: 2.5, color, dash } },
    ...lineOf(history.map((entry) => ({ step: entry.step, value: entry[key] }))),
  }));
  return figure({
    name: 'curriculum',
    title: `${planned ? 'Planned curriculum' : 'Curriculum'}: weights of the losses`,
    data,
    layout: { xaxis: stepAxis(), yaxis: axis('weight in the loss', { rangemode: 'tozero' }) },
    ...{ height: 380, notes },
  });
}

/** Error against the number of labelled studies, a line a model with its intervals. */
export function learningCurveFigure(
  points: readonly LearningPoint[],
  axisTitle: string,
  notes: readonly string[] = [],
): Figure {
  const sizes = [...new Set(points.map(({ labelled }) => labelled))].sort((a, b) => a - b);
  const models = [...new Set(points.map(({ model }) => model))];
  const data = models.map((model) => {
    const ofModel = points.filter((point) => point.model === model).sort((a, b) => a.labelled - b.labelled);
    const { label, color, dash, symbol } = modelLook[model];
    const bars = {
      ...{ type: 'data', symmetric: false, thickness: 1.25, width: 4, color },
      array: ofModel.map(({ value, high }) => high - value),
      arrayminus: ofModel.map(({ value, low }) => value - low),
    };
    return {
      ...{ type: 'scatter', mode: 'lines+markers', name: label },
      ...{ x: ofModel.map(({ labelled }) => labelled), y: ofModel.map(({ value }) => value) },
      ...{ error_y: bars, line: { color, dash, width: 2 }, marker: { color, symbol, size: 8 } },
    };
  });
  return figure({
    name: 'learning_curve',
    title: 'Error by the number of labelled studies',
    data,
    layout: {
      xaxis: axis('labelled training studies', { type: 'log', tickvals: sizes, ticktext: sizes.map(String) }),
      yaxis: axis(escapeHtml(axisTitle)),
    },
    notes,
  });
}
