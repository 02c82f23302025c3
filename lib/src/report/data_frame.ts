import { DataFrame as Danfo } from 'danfojs-node';
import type { ReportCell, ReportTable } from '../schema/generated/reports.js';
import type { Row } from './table.js';

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
