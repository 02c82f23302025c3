import { mean } from 'simple-statistics';
import type { BlandAltman } from '../../analysis/bland_altman.js';
import { unitOf, type ModelName, type PredictionRow, type Target } from '../../analysis/predictions.js';
import { escapeHtml } from '../../host/escape.js';
import { axis, figure, type Figure, type PlotlyObject } from '../figure.js';
import { ink, modelLook } from '../look.js';
import { formatNumber } from '../numbers.js';

const trainedModels: readonly ModelName[] = ['distilled', 'baseline', 'teacher_probe'];

function studyLabels(rows: readonly PredictionRow[]): string[] {
  return rows.map((row) => escapeHtml(`${row.study} ${row.view}`));
}

function rangeOf(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = 0.05 * (high - low || 1);
  return [low - room, high + room];
}

/** Predictions against labels on equal axes, with the identity and the mean of the labels. */
export function scatterFigure(rows: readonly PredictionRow[], target: Target, notes: readonly string[] = []): Figure {
  const predicted = `${target}_pred` as const;
  const unit = unitOf[target];
  const shown = rows.filter((row) => trainedModels.includes(row.model));
  const range = rangeOf(shown.flatMap((row) => [row[target], row[predicted]]));
  const centre = mean(shown.map((row) => row[target]));
  const points = trainedModels.flatMap((model) => {
    const ofModel = shown.filter((row) => row.model === model);
    if (ofModel.length === 0) return [];
    const { label, color, symbol } = modelLook[model];
    return {
      ...{ type: 'scatter', mode: 'markers', name: label, text: studyLabels(ofModel) },
      ...{ x: ofModel.map((row) => row[target]), y: ofModel.map((row) => row[predicted]) },
      hovertemplate: `%{text}<br>measured %{x:.1f} ${unit}, predicted %{y:.1f} ${unit}`,
      marker: { color, symbol, size: 7, opacity: 0.7, line: { color: 'white', width: 0.5 } },
    };
  });
  const line = (name: string, y: readonly number[], color: string, dash: string): PlotlyObject => ({
    ...{ type: 'scatter', mode: 'lines', name, x: range, y, line: { color, dash, width: 1.5 }, hoverinfo: 'skip' },
  });
  return figure({
    name: `scatter_${target}`,
    title: `${target}: predicted against measured`,
    data: [
      line('identity', range, ink.text, 'solid'),
      line('mean of the labels', [centre, centre], ink.line, 'dash'),
      ...points,
    ],
    layout: {
      xaxis: axis(`${target} measured (${unit})`, { range }),
      yaxis: axis(`${target} predicted (${unit})`, { range, scaleanchor: 'x', constrain: 'domain' }),
    },
    ...{ width: 600, height: 670, margin: { top: 62 }, notes },
  });
}

/** A horizontal line with its interval as a band and its value at the right edge. */
function level(
  label: string,
  { value, low, high }: BlandAltman['bias'],
  color: string,
): [PlotlyObject[], PlotlyObject] {
  const across = { xref: 'paper', x0: 0, x1: 1, yref: 'y' };
  const band = { type: 'rect', ...across, y0: low, y1: high, fillcolor: color, opacity: 0.12, line: { width: 0 } };
  const line = { type: 'line', ...across, y0: value, y1: value, line: { color, width: 1.5, dash: 'dash' } };
  const text = `${label}<br>${formatNumber(value, 1)}`;
  const place = { xref: 'paper', x: 1, xanchor: 'left', xshift: 6, yref: 'y', y: value, yanchor: 'middle' };
  const annotation = { ...place, showarrow: false, align: 'left', text, font: { size: 12, color } };
  return [Number.isFinite(low) ? [band, line] : [line], annotation];
}

/** Bland–Altman plot of one model: difference against mean of both, bias and limits of agreement with their intervals. */
export function blandAltmanFigure(
  rows: readonly PredictionRow[],
  model: ModelName,
  target: Target,
  agreement: BlandAltman,
  notes: readonly string[] = [],
): Figure {
  const ofModel = rows.filter((row) => row.model === model);
  const differences = ofModel.map((row) => row[`${target}_pred`] - row[target]);
  const { label, color, symbol } = modelLook[model];
  const levels = [
    level('+1.96 SD', agreement.upper, ink.quiet),
    level('bias', agreement.bias, color),
    level('−1.96 SD', agreement.lower, ink.quiet),
  ];
  const ends = [agreement.lower, agreement.upper].flatMap(({ value, low, high }) => [value, low, high]);
  const unit = unitOf[target];
  return figure({
    name: `bland_altman_${target}_${model}`,
    title: `${target}: agreement with the label, ${label}`,
    data: [
      {
        ...{ type: 'scatter', mode: 'markers', showlegend: false, y: differences, text: studyLabels(ofModel) },
        x: ofModel.map((row) => (row[`${target}_pred`] + row[target]) / 2),
        hovertemplate: `%{text}<br>mean %{x:.1f} ${unit}, difference %{y:.1f} ${unit}<extra></extra>`,
        marker: { color, symbol, size: 7, opacity: 0.7, line: { color: 'white', width: 0.5 } },
      },
    ],
    layout: {
      xaxis: axis(`mean of predicted and measured ${target} (${unit})`),
      yaxis: axis(`predicted − measured (${unit})`, {
        range: rangeOf([...differences, ...ends].filter(Number.isFinite)),
      }),
      shapes: levels.flatMap(([shapes]) => shapes),
      annotations: levels.map(([, annotation]) => annotation),
    },
    ...{ margin: { right: 96, top: 14 }, notes },
  });
}
