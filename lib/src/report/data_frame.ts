import { DataFrame as Danfo } from 'danfojs-node';
import type { ReportCell, ReportTable } from '../schema/generated/reports.js';
import { htmlTable, table, type Row } from './table.js';

/** A column of a DataFrame; comparisons give masks for `query`. */
export interface Column {
  readonly values: ReportCell[];
  eq(value: ReportCell): unknown;
  ne(value: ReportCell): unknown;
  lt(value: number): unknown;
  le(value: number): unknown;
  gt(value: number): unknown;
  ge(value: number): unknown;
  mean(): number;
  std(): number;
}

/** What a notebook does with a danfojs DataFrame; danfojs' own types compile in no strict program. */
export interface DataFrame {
  readonly shape: number[];
  readonly columns: string[];
  /** Names of the rows: their numbers, or those of statistics. */
  readonly index: (string | number)[];
  readonly values: ReportCell[][];
  head(rows?: number): DataFrame;
  tail(rows?: number): DataFrame;
  /** Statistics of the numeric columns. */
  describe(): DataFrame;
  /** Rows whose mask is true, e.g. `frame.query(frame.column('EF').lt(40))`. */
  query(condition: unknown): DataFrame;
  column(name: string): Column;
  sortValues(by: string, options?: { ascending?: boolean }): DataFrame;
  groupby(columns: string[]): unknown;
  print(): void;
}

/** A DataFrame as HTML; names of its rows, as `describe` gives them, stand first. */
function toHtml({ values, columns, index }: DataFrame): string {
  const named = index.some((name) => typeof name === 'string');
  const head = [...(named ? [{ name: 'index', title: '' }] : []), ...columns.map((name) => ({ name, title: name }))];
  const rows = values.map((row, r) => ({
    ...(named ? { index: index[r] ?? null } : {}),
    ...Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null])),
  }));
  return htmlTable(table('frame', `${rows.length} rows, ${columns.length} columns`, rows, head));
}

// The kernel shows a DataFrame that is the last expression of a cell as a table. What `query` and `head` give is of the base class.
Object.defineProperty(Object.getPrototypeOf(Danfo.prototype), Symbol.for('Jupyter.display'), {
  value(this: DataFrame) {
    return { 'text/html': toHtml(this), 'text/plain': String(this) };
  },
});

/** Row objects as a danfojs DataFrame; `columns` orders and selects, and names those of an empty table. */
export function toDataFrame(rows: readonly Row[], columns?: readonly string[]): DataFrame {
  const names = columns ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const values = rows.map((row) => names.map((name) => row[name] ?? null));
  return new Danfo(values, { columns: [...names] }) as unknown as DataFrame;
}

/** A report's table as a danfojs DataFrame. */
export function tableFrame({ rows, columns }: ReportTable): DataFrame {
  return toDataFrame(
    rows,
    columns.map(({ name }) => name),
  );
}
