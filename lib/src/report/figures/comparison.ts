import type { ComparisonRow, MetricRow } from '../../analysis/evaluate.js';
import { unitOf, type Target } from '../../analysis/predictions.js';
import { axis, figure, type Figure, type PlotlyObject } from '../figure.js';
import { font, ink, modelLook } from '../look.js';
import { formatInterval } from '../numbers.js';
import { measureText } from '../svg_geometry.js';

interface ForestRow {
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly color: string;
  readonly symbol: string;
}

const widthOf = (text: string): number => measureText(text, 12, font).width;

/** What a side of zero means, written above its end of the axis. */
function side(text: string, xanchor: 'left' | 'right'): PlotlyObject {
  const place = { xref: 'paper', x: xanchor === 'left' ? 0 : 1, xanchor, yref: 'paper', y: 1, yanchor: 'bottom' };
  return { ...place, showarrow: false, text, font: { size: 12, color: ink.quiet } };
}

/** Points with intervals, one a line, their numbers written at the right. */
function forest(
  rows: readonly ForestRow[],
  parts: {
    name: string;
    title: string;
    axisTitle: string;
    sides?: readonly [string, string];
    notes: readonly string[];
  },
): Figure {
  const widest = Math.max(...rows.flatMap(({ label }) => label.split('<br>').map(widthOf)));
  const text = rows.map((row) => formatInterval(row));
  const numbers = Math.max(...text.map(widthOf));
  const data = rows.map((row, i) => ({
    ...{ type: 'scatter', mode: 'markers', x: [row.value], y: [rows.length - 1 - i], showlegend: false },
    marker: { color: row.color, symbol: row.symbol, size: 10 },
    error_x: {
      ...{ type: 'data', symmetric: false, color: row.color, thickness: 2, width: 5 },
      ...{ array: [row.high - row.value], arrayminus: [row.value - row.low] },
    },
  }));
  const annotations = text.map((t, i) => ({
    ...{ xref: 'paper', x: 1, xanchor: 'left', xshift: 10, yref: 'y', y: rows.length - 1 - i, yanchor: 'middle' },
    ...{ showarrow: false, text: t, font: { size: 12 } },
  }));
  const ticks = { tickvals: rows.map((_, i) => rows.length - 1 - i), ticktext: rows.map(({ label }) => label) };
  return figure({
    ...parts,
    data,
    layout: {
      xaxis: axis(parts.axisTitle, parts.sides === undefined ? { rangemode: 'tozero' } : {}),
      yaxis: axis('', {
        ...ticks,
        range: [-0.6, rows.length - 0.4],
        ticks: '',
        ticklabelstandoff: 8,
        showgrid: false,
        showline: false,
      }),
      shapes: [
        {
          type: 'line',
          x0: 0,
          x1: 0,
          yref: 'paper',
          y0: 0,
          y1: 1,
          line: { color: ink.line, dash: 'dash', width: 1.5 },
        },
      ],
      annotations: [
        ...annotations,
        ...(parts.sides === undefined ? [] : [side(parts.sides[0], 'left'), side(parts.sides[1], 'right')]),
      ],
    },
    width: Math.max(720, Math.ceil(widest + numbers + 420)),
    height: 160 + 44 * rows.length,
    margin: { left: Math.ceil(widest) + 30, right: Math.ceil(numbers) + 26, top: parts.sides === undefined ? 10 : 24 },
  });
}

/** Paired differences of a metric with their intervals (forest plot); left of zero the first-named model errs less. */
export function differenceFigure(
  comparisons: readonly ComparisonRow[],
  target: Target,
  metric: 'MAE' | 'RMSE' = 'MAE',
  notes: readonly string[] = [],
): Figure {
  const rows = comparisons.filter((row) => row.target === target && row.metric === metric);
  return forest(
    rows.map(({ model, reference, value, low, high }) => {
      const { color, symbol } = modelLook[model];
      const label = `${modelLook[model].label}<br>− ${modelLook[reference].label}`;
      return { label, value, low, high, color, symbol };
    }),
    {
      name: `difference_${target}_${metric}`,
      title: `${target} ${metric}: paired differences with 95 % intervals`,
      axisTitle: `difference of ${target} ${metric} (${unitOf[target]})`,
      sides: ['← first one better', 'second one better →'],
      notes,
    },
  );
}

/** An error of all models with its intervals. */
export function errorFigure(
  metrics: readonly MetricRow[],
  target: Target,
  metric: 'MAE' | 'RMSE' = 'MAE',
  notes: readonly string[] = [],
): Figure {
  const rows = metrics.filter((row) => row.target === target && row.metric === metric);
  return forest(
    rows.map(({ model, value, low, high }) => ({ ...modelLook[model], value, low, high })),
    {
      name: `error_${target}_${metric}`,
      title: `${target} ${metric} on test studies with 95 % intervals`,
      axisTitle: `${target} ${metric} (${unitOf[target]})`,
      notes,
    },
  );
}
