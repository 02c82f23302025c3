import type { ComparisonRow, MetricRow } from '../analysis/evaluate.js';
import { targets, unitOf, type ModelName } from '../analysis/predictions.js';
import type { Frozen } from '../schema/frozen.js';
import type { ConduitBody, ReportColumn, ReportTable, ReservoirBody } from '../schema/generated/reports.js';
import { modelLook } from './look.js';
import { formatInterval } from './numbers.js';
import { table } from './table.js';

const statistics: readonly ReportColumn[] = [
  { name: 'value', title: 'value', digits: 3 },
  { name: 'low', title: '95 % low', digits: 3 },
  { name: 'high', title: '95 % high', digits: 3 },
];
const counts: readonly ReportColumn[] = ['studies', 'patients', 'seeds'].map((name) => ({ name, title: name }));
const text = (name: string, title = name): ReportColumn => ({ name, title });

/** Test metrics of all models with their intervals. */
export function metricsTable(metrics: readonly MetricRow[]): ReportTable {
  const columns = [text('model'), text('target'), text('metric'), ...statistics, text('unit'), ...counts];
  const rows = metrics.map((row) => ({ ...row }));
  return table('metrics', 'All metrics on TEST with 95 % bootstrap intervals', rows, columns);
}

const overviewed = [
  { target: 'EDV', metric: 'MAE' },
  { target: 'ESV', metric: 'MAE' },
  { target: 'EF', metric: 'MAE' },
  { target: 'EF', metric: 'bias' },
  { target: 'EF', metric: 'R2' },
] as const;

/** The errors that are looked at first, a line a model. */
export function errorsTable(metrics: readonly MetricRow[]): ReportTable {
  const find = (model: ModelName, { target, metric }: (typeof overviewed)[number]): MetricRow | undefined =>
    metrics.find((row) => row.model === model && row.target === target && row.metric === metric);
  const rows = [...new Set(metrics.map(({ model }) => model))].map((model) => ({
    model: modelLook[model].label,
    ...Object.fromEntries(
      overviewed.map((column) => {
        const found = find(model, column);
        const digits = column.metric === 'R2' ? 2 : 1;
        return [`${column.target}_${column.metric}`, found === undefined ? null : formatInterval(found, digits)];
      }),
    ),
  }));
  const columns = overviewed.map(({ target, metric }) => ({
    ...{ name: `${target}_${metric}`, title: `${target} ${metric}` },
    ...(metric === 'R2' ? {} : { unit: unitOf[target] }),
  }));
  return table('errors', 'Errors on TEST with 95 % intervals', rows, [text('model'), ...columns]);
}

/** The mean absolute errors' paired differences, a line a pair, and which of the two each favours. */
export function differencesTable(comparisons: readonly ComparisonRow[]): ReportTable {
  const errors = comparisons.filter(({ metric }) => metric === 'MAE');
  const nameOf = ({ model, reference }: ComparisonRow): string =>
    `${modelLook[model].label} − ${modelLook[reference].label}`;
  const rows = [...new Set(errors.map(nameOf))].map((difference) => ({
    difference,
    ...Object.fromEntries(
      errors
        .filter((row) => nameOf(row) === difference)
        .map((row) => {
          const verdict = row.favours === 'neither' ? 'cannot tell' : `${row.favours} better`;
          return [row.target, `${formatInterval(row)}, ${verdict}`];
        }),
    ),
  }));
  const columns = targets.map((target) => ({ name: target, title: `${target} MAE`, unit: unitOf[target] }));
  return table('differences', 'Paired differences of the mean absolute error', rows, [text('difference'), ...columns]);
}

/** Paired differences with their intervals and whom they favour. */
export function comparisonsTable(comparisons: readonly ComparisonRow[]): ReportTable {
  const models = [text('model'), text('reference', 'minus'), text('target'), text('metric')];
  const columns = [...models, ...statistics, text('unit'), text('favours'), ...counts];
  const rows = comparisons.map((row) => ({ ...row }));
  return table('comparisons', 'Differences on the same studies, paired bootstrap by patient', rows, columns);
}

/** What a run's results stand under: weights and data with their licences, and whether their terms were accepted. */
export interface TermsRow {
  readonly name: string;
  readonly kind: 'model' | 'dataset';
  readonly licence: string;
  /** Null where there are none beyond the licence. */
  readonly terms_url: string | null;
  readonly citation: string | null;
  /** In words; null where nothing needs to be accepted. */
  readonly accepted: string | null;
}

/** The licences and terms of what a run used. */
export function termsTable(rows: readonly TermsRow[]): ReportTable {
  const columns = [
    ...[text('name'), text('kind'), text('licence'), text('terms_url', 'terms'), text('citation', 'cite')],
    text('accepted'),
  ];
  const cells = rows.map((row) => ({ ...row }));
  return table('terms', 'Licences and terms of what this run used', cells, columns);
}

/** Weights and data with licence, presence, size and hash. */
export function artifactsTable(artifacts: Frozen<ReservoirBody['artifacts']>): ReportTable {
  const rows = artifacts.map(({ note = '', sha256, bytes, ...rest }) => ({
    ...rest,
    ...{ MB: bytes === null ? null : bytes / 1e6, sha256: sha256?.slice(0, 12) ?? null, note },
  }));
  const columns = [
    ...[text('name'), text('role'), text('status'), { name: 'MB', title: 'size', unit: 'MB' }, text('sha256')],
    ...[text('licence'), text('terms_url', 'terms'), text('accepted'), text('note')],
  ];
  return table('artifacts', 'Artifacts', rows, columns);
}

/** Teacher and student side by side. */
export function costTable({ teacher, student }: Frozen<ReservoirBody['cost']>): ReportTable {
  const columns = [
    ...[text('role'), text('name'), { name: 'parameters', title: 'parameters', digits: 0 }],
    { name: 'GFLOPs', title: 'operations an image', unit: 'GFLOPs' },
    { name: 'ms', title: 'time an image', unit: 'ms' },
    { name: 'MB', title: 'weights', unit: 'MB' },
  ];
  const rows = Object.entries({ teacher, student }).map(([role, { FLOPs, ...cost }]) => ({
    ...{ role, GFLOPs: FLOPs / 1e9 },
    ...cost,
  }));
  return table('cost', 'Cost of teacher and student', rows, columns);
}

/** The bridges between teacher layers and student stages. */
export function bridgesTable(bridges: Frozen<ConduitBody['bridges']>): ReportTable {
  const rows = bridges.map(({ teacher, student, grid, shapes, projector, parameters, bytes }) => ({
    ...{ teacher, teacher_shape: shapes.teacher.join('×'), student, student_shape: shapes.student.join('×') },
    ...{ grid: grid.join('×'), projector, parameters, kB: bytes / 1000 },
  }));
  const columns = [
    ...[text('teacher'), text('teacher_shape', 'its shape'), text('student'), text('student_shape', 'its shape')],
    ...[text('grid', 'pooled to'), text('projector'), text('parameters')],
    { name: 'kB', title: 'features a frame', unit: 'kB', digits: 1 },
  ];
  return table('bridges', 'Bridges', rows, columns);
}
