import { escapeHtml } from '../../host/escape.js';
import type { ReservoirBody } from '../../schema/generated/reports.js';
import { axis, figure, type Figure } from '../figure.js';
import { font, palette } from '../look.js';
import { measureText } from '../svg_geometry.js';

/** How long each step of set-up took when it last worked, s. */
export function setupFigure(
  steps: readonly Readonly<ReservoirBody['setup']['steps'][number]>[],
  notes: readonly string[] = [],
): Figure {
  const shown = [...steps].reverse();
  const widest = Math.max(0, ...shown.map(({ name }) => measureText(name, 12, font).width));
  return figure({
    name: 'setup',
    title: 'Set-up: time by step',
    data: [
      {
        ...{ type: 'bar', orientation: 'h', marker: { color: palette.sky } },
        x: shown.map(({ seconds }) => seconds),
        y: shown.map(({ name }) => escapeHtml(name)),
        text: shown.map(({ seconds }) => `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`),
        ...{ textposition: 'outside', cliponaxis: false },
      },
    ],
    layout: { xaxis: axis('seconds', { rangemode: 'tozero' }), yaxis: axis('', { ticks: '', ticklabelstandoff: 8 }) },
    ...{ height: 130 + 34 * shown.length, margin: { left: Math.ceil(widest) + 30, right: 70 }, notes },
  });
}
