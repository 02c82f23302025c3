import { escapeHtml } from '../host/escape.js';
import type { ReportCell, ReportColumn, ReportTable } from '../schema/generated/reports.js';
import { formatNumber, formatSignificant } from './numbers.js';

/** One line of a table by column name. */
export type Row = Readonly<Record<string, ReportCell>>;

function columnsOf(rows: readonly Row[]): ReportColumn[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return names.map((name) => ({ name, title: name }));
}

/** Numbers that are not defined become empty cells, since JSON has no NaN. */
function cellOf(value: ReportCell | undefined): ReportCell {
  return value === undefined || (typeof value === 'number' && !Number.isFinite(value)) ? null : value;
}

/** A named table; without `columns` those of the rows in order of appearance, named by their keys. */
export function table(
  name: string,
  title: string,
  rows: readonly Row[],
  columns: readonly ReportColumn[] = columnsOf(rows),
): ReportTable {
  const line = (row: Row): Record<string, ReportCell> =>
    Object.fromEntries(columns.map((column) => [column.name, cellOf(row[column.name])]));
  return { name, title, columns: [...columns], rows: rows.map(line) };
}

/** A cell for people: numbers by the column's decimals, truths as yes or no, nothing as a dash. */
export function formatCell(value: ReportCell, column: ReportColumn): string {
  if (value === null || value === '') return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string') return value;
  if (column.digits !== undefined) return formatNumber(value, column.digits);
  return Number.isInteger(value) ? formatNumber(value, 0) : formatSignificant(value);
}

// Colours of JupyterLab's theme, light or dark; elsewhere the page is white.
const cellStyle = 'padding:3px 10px;vertical-align:top;border-bottom:1px solid var(--jp-border-color2,#e8e8e8)';
const headStyle = 'position:sticky;top:0;background:var(--jp-layout-color0,white)';
/** Columns with longer texts are wrapped to a readable width, addresses in them anywhere. */
const longText = 36;
const wrapStyle = ';min-width:11em;overflow-wrap:anywhere';
/** More rows than this scroll in a box of their height. */
const tallRows = 25;

function heading({ title, unit }: ReportColumn): string {
  return escapeHtml(unit === undefined || unit === '' ? title : `${title} (${unit})`);
}

/** A table as HTML: text escaped, numbers to the right, the first `limit` rows; a long one scrolls under its head. */
export function htmlTable({ title, columns, rows }: ReportTable, limit = 200): string {
  const numeric = columns.map(({ name }) => rows.some((row) => typeof row[name] === 'number'));
  const long = columns.map(({ name }) => rows.some((row) => String(row[name] ?? '').length > longText));
  const align = (i: number): string => `text-align:${numeric[i] ? 'right' : 'left'}${long[i] ? wrapStyle : ''}`;
  const head = columns
    .map((column, i) => `<th style="${cellStyle};${headStyle};${align(i)}">${heading(column)}</th>`)
    .join('');
  const body = rows.slice(0, limit).map((row) => {
    const cells = columns.map((column, i) => {
      const text = escapeHtml(formatCell(cellOf(row[column.name]), column));
      return `<td style="${cellStyle};${align(i)}">${text}</td>`;
    });
    return `<tr>${cells.join('')}</tr>`;
  });
  const more = rows.length > limit ? `<p>${rows.length - limit} more rows in the report.</p>` : '';
  const height = Math.min(rows.length, limit) > tallRows ? ';max-height:600px' : '';
  return (
    `<div style="overflow:auto${height}"><table style="border-collapse:collapse;font-size:13px"><caption style="text-align:left;padding:4px 0">` +
    `${escapeHtml(title)}</caption><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>${more}`
  );
}
