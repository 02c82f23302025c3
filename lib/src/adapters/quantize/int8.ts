import { roundHalfEven, roundToHalf } from './half.js';

/** A matrix in 8-bit codes by rows. */
export interface Int8Codes {
  /** Row after row: −127 … 127. */
  readonly codes: Int8Array;
  /** Largest |w| of each row. */
  readonly absmax: Float32Array;
}

/**
 * Quantizes a matrix of `rows` rows as bitsandbytes does (backends/default/ops.py, int8_vectorwise_quant): in half
 * precision, code = round(w · (127 · 1/absmax)), ties to even. A row of zeros has codes and absmax 0.
 */
export function quantizeInt8(values: Float32Array, rows: number): Int8Codes {
  const columns = values.length / rows;
  const codes = new Int8Array(values.length);
  const absmax = new Float32Array(rows);
  for (let r = 0; r < rows; r++) {
    const row = values.slice(r * columns, (r + 1) * columns);
    roundToHalf(row);
    const largest = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    absmax[r] = largest;
    if (largest === 0) continue;
    // PyTorch divides a number by a tensor in two roundings.
    const scale = Math.fround(127 * Math.fround(1 / largest));
    for (let c = 0; c < columns; c++) codes[r * columns + c] = roundHalfEven(Math.fround((row[c] as number) * scale));
  }
  return { codes, absmax };
}
