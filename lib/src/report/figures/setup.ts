import { escapeHtml } from '../../host/escape.js';
import type { ReservoirBody } from '../../schema/generated/reports.js';
import { axis, figure, type Figure } from '../figure.js';
import { font, palette } from '../look.js';
import { formatSignificant } from '../numbers.js';
import { measureText } from '../svg_geometry.js';

/** How long each step of the last set-up took; steps that were up to date took next to nothing. */
export function setUpFigure(steps: ReservoirBody['setup']['steps'], notes: readonly string[] = []): Figure {
  const rows = steps.map(({ name, seconds }, i) => ({ name: escapeHtml(name), seconds, y: steps.length - 1 - i }));
  const longest = Math.max(1, ...rows.map(({ seconds }) => seconds));
  return figure({
    name: 'setup',
    title: 'Duration of the last set-up by step',
    data: [
      {
        ...{ type: 'bar', orientation: 'h', marker: { color: palette.blue }, showlegend: false },
        x: rows.map(({ seconds }) => seconds),
        y: rows.map(({ y }) => y),
        text: rows.map(({ seconds }) => `${formatSignificant(seconds)} s`),
        ...{ textposition: 'outside', cliponaxis: false, constraintext: 'none' },
      },
    ],
    layout: {
      xaxis: axis('seconds', { range: [0, 1.18 * longest], nticks: 6 }),
      yaxis: axis('', {
        ...{ tickvals: rows.map(({ y }) => y), ticktext: rows.map(({ name }) => name) },
        ...{ range: [-0.6, rows.length - 0.4], ticks: '', showgrid: false },
      }),
    },
    height: 110 + 36 * Math.max(1, rows.length),
    margin: {
      left: 30 + Math.ceil(Math.max(0, ...rows.map(({ name }) => measureText(name, 12, font).width))),
      top: 10,
    },
    notes,
  });
}
