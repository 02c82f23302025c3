import { basename } from 'node:path';
import { csvRows, toCsv } from '../files/csv.js';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';

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

const textColumns = ['study', 'view', 'split', 'model'] as const;
const numberColumns = ['seed', 'EDV', 'ESV', 'EF', 'EDV_pred', 'ESV_pred', 'EF_pred'] as const;
export const predictionColumns = [...textColumns, ...numberColumns] as const;
type Column = (typeof predictionColumns)[number];

function isModelName(name: string): name is ModelName {
  return (modelNames as readonly string[]).includes(name);
}

/** The patient of a row. */
export function patientOf(row: PredictionRow): string {
  return row.patient ?? row.study;
}

/** The rows as `predictions.csv`, numbers as they are. */
export function formatPredictions(rows: readonly PredictionRow[]): string {
  return toCsv(predictionColumns, rows);
}

/** Rows of a `predictions.csv`; throws {@link BadInput} naming the file, the row and the column. */
export async function readPredictions(path: string): Promise<PredictionRow[]> {
  const rows: PredictionRow[] = [];
  for await (const { row, values } of csvRows(path, predictionColumns)) {
    const { study, view, split, model } = values;
    const bad = (column: Column, expected: string): BadInput =>
      new BadInput({
        where: `${basename(path)}, row ${row}, column ${column}`,
        ...{ expected, got: JSON.stringify(printable(values[column])) },
      });
    if (!isModelName(model)) throw bad('model', `one of ${modelNames.join(', ')}`);
    const number = (column: Column): [Column, number] => {
      const value = values[column] === '' ? NaN : Number(values[column]);
      if (!Number.isFinite(value)) throw bad(column, 'a number');
      return [column, value];
    };
    const numbers = Object.fromEntries(numberColumns.map(number)) as Record<(typeof numberColumns)[number], number>;
    rows.push({ study, view, split, model, ...numbers });
  }
  return rows;
}
