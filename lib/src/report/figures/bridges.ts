import { escapeHtml } from '../../host/escape.js';
import type { Frozen } from '../../schema/frozen.js';
import type { ConduitBody } from '../../schema/generated/reports.js';
import { figure, type Figure, type PlotlyObject } from '../figure.js';
import { font, palette } from '../look.js';
import { formatSignificant } from '../numbers.js';
import { measureText } from '../svg_geometry.js';

type Bridge = Frozen<ConduitBody['bridges'][number]>;

const rowHeight = 84;

function box(x: number, y: number, width: number, color: string): PlotlyObject {
  const corners = { x0: x - width / 2, x1: x + width / 2, y0: y - 0.3, y1: y + 0.3 };
  return { type: 'rect', ...corners, line: { color, width: 1.5 }, fillcolor: `${color}26` };
}

function label(x: number, y: number, text: string, size = 12): PlotlyObject {
  return { x, y, text, showarrow: false, font: { size } };
}

const times = (shape: readonly number[]): string => shape.join('×');

function nodeText(name: string, shape: readonly number[]): string {
  return `<b>${escapeHtml(name)}</b><br>${times(shape)}`;
}

/** Which teacher layer each student stage learns from: shapes, pooling grid, projector and what a bridge stores. */
export function bridgesFigure(bridges: readonly Bridge[], notes: readonly string[] = []): Figure {
  const names = bridges.flatMap(({ teacher, student }) => [teacher, student]);
  const nodeWidth = Math.max(150, ...names.map((name) => measureText(name, 12, font, 'bold').width + 24));
  const width = Math.ceil(2 * nodeWidth + 400);
  const [left, middle, right] = [nodeWidth / 2 + 16, width / 2, width - nodeWidth / 2 - 16];
  const rows = bridges.map((bridge, i) => ({ ...bridge, y: bridges.length - 1 - i }));
  const line = { type: 'line', line: { color: '#888888', width: 1.5 } };
  return figure({
    name: 'bridges',
    title: 'Bridges: what the student learns from the teacher',
    data: [],
    layout: {
      xaxis: { visible: false, range: [0, width], fixedrange: true },
      yaxis: { visible: false, range: [-0.5, bridges.length - 0.2], fixedrange: true },
      shapes: rows.flatMap(({ y }) => [
        box(left, y, nodeWidth, palette.green),
        box(right, y, nodeWidth, palette.blue),
        { ...line, x0: left + nodeWidth / 2, x1: right - nodeWidth / 2, y0: y, y1: y },
      ]),
      annotations: [
        label(left, bridges.length - 0.45, 'teacher', 13),
        label(right, bridges.length - 0.45, 'student', 13),
        ...rows.flatMap(({ y, teacher, student, grid, shapes, projector, parameters, bytes }) => [
          label(left, y, nodeText(teacher, shapes.teacher)),
          label(right, y, nodeText(student, shapes.student)),
          { ...label(middle, y, `both pooled to ${times(grid)}, matched ${times(shapes.matched)}`, 11), yshift: 10 },
          {
            ...label(middle, y, `${escapeHtml(projector)}, ${formatSignificant(parameters)} parameters`, 11),
            yshift: -10,
          },
          { ...label(middle, y, `${formatSignificant(bytes / 1000)} kB of features a frame`, 11), yshift: -25 },
        ]),
      ],
    },
    ...{ width, height: 44 + 20 + Math.ceil(rowHeight * (bridges.length + 0.3)), notes },
    margin: { left: 0, right: 0, top: 6, bottom: 10 },
  });
}
