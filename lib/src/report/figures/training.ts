import type { ModelName } from '../../analysis/predictions.js';
import { escapeHtml } from '../../host/escape.js';
import { axis, figure, type Figure } from '../figure.js';
import { modelLook, palette } from '../look.js';

/** The logged values of one training run: a step and any losses, weights, rates at it. */
export interface TrainingCurve {
  readonly model: ModelName;
  readonly seed: number;
  readonly history: readonly ({ readonly step: number } & Readonly<Record<string, number | null>>)[];
}

/** One error of a model trained on so many labelled studies. */
export interface LearningPoint {
  readonly model: ModelName;
  readonly labelled: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

function curve(history: TrainingCurve['history'], key: string): { x: number[]; y: number[] } {
  const points = history.filter((entry) => Number.isFinite(entry[key] ?? NaN));
  return { x: points.map((entry) => entry.step), y: points.map((entry) => entry[key] as number) };
}

/** One logged value by training step, a line a model and seed, e.g. the task loss or the validation MAE. */
export function lossFigure(
  curves: readonly TrainingCurve[],
  what: { readonly key: string; readonly title: string; readonly axisTitle: string; readonly log?: boolean },
  notes: readonly string[] = [],
): Figure {
  const several = new Set(curves.map(({ seed }) => seed)).size > 1;
  const known = new Set<ModelName>();
  const data = curves.map(({ model, seed, history }) => {
    const { label, color, dash } = modelLook[model];
    const showlegend = !known.has(model);
    known.add(model);
    const line = { color, dash, width: several ? 1.25 : 2 };
    const legend = { name: label, legendgroup: model, showlegend, text: `seed ${seed}` };
    return { type: 'scatter', mode: 'lines', ...legend, ...curve(history, what.key), line };
  });
  return figure({
    name: `training_${what.key}`,
    title: what.title,
    data,
    layout: {
      xaxis: axis('optimizer step', { rangemode: 'tozero' }),
      yaxis: axis(
        escapeHtml(what.axisTitle),
        what.log ? { type: 'log', dtick: 1, minor: { ticks: 'outside' } } : { rangemode: 'tozero' },
      ),
    },
    notes,
  });
}

const weightLooks = [
  { color: palette.purple, dash: 'solid' },
  { color: palette.green, dash: 'dash' },
  { color: palette.orange, dash: 'dot' },
];

/** The curriculum: each loss weight by training step. `weights` maps a key of the history to its name in the legend. */
export function curriculumFigure(
  { history }: Pick<TrainingCurve, 'history'>,
  weights: Readonly<Record<string, string>>,
  notes: readonly string[] = [],
): Figure {
  const data = Object.entries(weights).map(([key, name], i) => {
    const line = { width: 2.5, ...weightLooks[i % weightLooks.length] };
    return { type: 'scatter', mode: 'lines', name: escapeHtml(name), ...curve(history, key), line };
  });
  return figure({
    name: 'curriculum',
    title: 'Curriculum: weights of the losses',
    data,
    layout: {
      xaxis: axis('optimizer step', { rangemode: 'tozero' }),
      yaxis: axis('weight in the loss', { rangemode: 'tozero' }),
      showlegend: true,
    },
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
