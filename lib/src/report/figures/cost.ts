import { escapeHtml } from '../../host/escape.js';
import type { ModelCost } from '../../schema/generated/reports.js';
import { axis, figure, type Figure } from '../figure.js';
import { palette } from '../look.js';
import { formatSignificant } from '../numbers.js';

const quantities = [
  { title: 'parameters (million)', of: (cost: ModelCost) => cost.parameters / 1e6 },
  { title: 'GFLOPs per image', of: (cost: ModelCost) => cost.FLOPs / 1e9 },
  { title: 'ms per image', of: (cost: ModelCost) => cost.ms },
  { title: 'weights (MB)', of: (cost: ModelCost) => cost.MB },
] as const;

/** Parameters, operations, time and size of teacher and student side by side, each on its own scale. */
export function costFigure(teacher: ModelCost, student: ModelCost, notes: readonly string[] = []): Figure {
  const models = [
    { cost: teacher, role: 'teacher', color: palette.green },
    { cost: student, role: 'student', color: palette.blue },
  ];
  const layout: Record<string, unknown> = {
    barmode: 'group',
    grid: { rows: 2, columns: 2, pattern: 'independent', xgap: 0.3, ygap: 0.2 },
  };
  const data = quantities.flatMap(({ title, of }, i) => {
    const suffix = i === 0 ? '' : String(i + 1);
    const values = models.map(({ cost }) => of(cost));
    const top = Math.max(...values.map((value) => value ?? 0));
    layout[`xaxis${suffix}`] = axis('', { ticks: '', showgrid: false, tickvals: [] });
    layout[`yaxis${suffix}`] = axis(title, {
      range: [0, top > 0 ? 1.18 * top : 1],
      nticks: 5,
      separatethousands: true,
    });
    return models.map(({ cost, role, color }, m) => ({
      ...{ type: 'bar', x: [role], y: [values[m] ?? 0], xaxis: `x${suffix}`, yaxis: `y${suffix}` },
      ...{ name: `${role}: ${escapeHtml(cost.name)}`, legendgroup: role, showlegend: i === 0, marker: { color } },
      ...{ text: [values[m] === null ? 'not measured' : formatSignificant(values[m] as number)] },
      ...{ textposition: 'outside', cliponaxis: false, constraintext: 'none' },
    }));
  });
  return figure({
    name: 'cost',
    title: 'Cost of teacher and student',
    data,
    layout,
    ...{ height: 560, margin: { left: 80, bottom: 20 }, notes },
  });
}
