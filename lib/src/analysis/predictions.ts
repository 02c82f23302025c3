import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { BadInput } from '../host/errors.js';

export const targets = ['EDV', 'ESV', 'EF'] as const;
/** EDV and ESV in mL, EF in %. */
export type Target = (typeof targets)[number];
export const unitOf: Readonly<Record<Target, string>> = { EDV: 'mL', ESV: 'mL', EF: '%' };

export const modelNames = ['distilled', 'baseline', 'teacher_probe', 'mean'] as const;
/**
 * `distilled`; `baseline`: the same student, as many steps, without distillation; `teacher_probe`: a linear probe on the
 * teacher's features; `mean`: the mean of the training labels.
 */
export type ModelName = (typeof modelNames)[number];

/** Labels and predictions of one model for one study (one patient × one view). */
export interface PredictionRow {
  readonly study: string;
  readonly view: string;
  readonly split: string;
  readonly model: ModelName;
  /** Of the training run. */
  readonly seed: number;
  readonly EDV: number;
  readonly ESV: number;
  readonly EF: number;
  readonly EDV_pred: number;
  readonly ESV_pred: number;
  readonly EF_pred: number;
  /** Whom the bootstrap resamples; the study where absent. Not a column of the file. */
  readonly patient?: string;
}

export const predictionColumns = [
  ...(['study', 'view', 'split', 'model', 'seed'] as const),
  ...(['EDV', 'ESV', 'EF', 'EDV_pred', 'ESV_pred', 'EF_pred'] as const),
] satisfies (keyof PredictionRow)[];

const textColumns: readonly string[] = ['study', 'view', 'split', 'model'];

/** The patient of a row. */
export function patientOf(row: PredictionRow): string {
  return row.patient ?? row.study;
}

/** The rows as `predictions.csv`, numbers as they are. */
export function formatPredictions(rows: readonly PredictionRow[]): string {
  return stringify([...rows], { header: true, columns: [...predictionColumns] });
}

function predictionRow(record: Readonly<Record<string, string>>, where: string): PredictionRow {
  const cell = (column: string): [string, string | number] => {
    const text = record[column] as string;
    if (textColumns.includes(column)) return [column, text];
    const value = text.trim() === '' ? NaN : Number(text);
    if (Number.isFinite(value)) return [column, value];
    throw new BadInput({ where: `${where}, column ${column}`, expected: 'a number', got: JSON.stringify(text) });
  };
  if (!(modelNames as readonly string[]).includes(record['model'] as string)) {
    const expected = `one of ${modelNames.join(', ')}`;
    throw new BadInput({ where: `${where}, column model`, expected, got: JSON.stringify(record['model']) });
  }
  return Object.fromEntries(predictionColumns.map(cell)) as unknown as PredictionRow;
}

/** Rows of a `predictions.csv`; throws {@link BadInput} naming `where`, the row and the column. */
export function parsePredictions(text: string, where: string): PredictionRow[] {
  let records: Record<string, string>[];
  try {
    records = parse(text, { columns: true, bom: true, skip_empty_lines: true });
  } catch (error) {
    throw new BadInput({ where, expected: 'a CSV table', got: (error as Error).message }, { cause: error });
  }
  const missing = predictionColumns.find((column) => records[0] !== undefined && !(column in records[0]));
  if (missing !== undefined) {
    const got = Object.keys(records[0] as object).join(',');
    throw new BadInput({ where, expected: `a column ${missing}`, got });
  }
  return records.map((record, i) => predictionRow(record, `${where}, row ${i + 1}`));
}
