import { dynamicTable, nf4BlockSize, nf4Table, scaleBlockSize } from '../../ops/quantization_tables.js';

/** Largest |value| of each block. */
function blockAbsmax(values: Float32Array, blockSize: number): Float32Array {
  return Float32Array.from({ length: Math.ceil(values.length / blockSize) }, (_, block) => {
    const end = Math.min(values.length, (block + 1) * blockSize);
    let largest = 0;
    for (let i = block * blockSize; i < end; i++) largest = Math.max(largest, Math.abs(values[i] as number));
    return largest;
  });
}

/** Half-way points between the values of a table. */
function midpoints(table: Float32Array): Float32Array {
  return Float32Array.from(
    { length: table.length - 1 },
    (_, i) => ((table[i] as number) + (table[i + 1] as number)) / 2,
  );
}

/** Number of points below x (sorted, one less than a power of two): the nearest code, ties to the lower one. */
function pointsBelow(points: Float32Array, x: number): number {
  let found = 0;
  for (let step = (points.length + 1) >> 1; step > 0; step >>= 1) {
    if ((points[found + step - 1] as number) < x) found += step;
  }
  return found;
}

/** Nearest codes of values scaled to [−1, 1] block by block. */
function nearestCodes(values: Float32Array, absmax: Float32Array, blockSize: number, table: Float32Array): Uint8Array {
  const points = midpoints(table);
  const codes = new Uint8Array(values.length);
  for (let block = 0; block < absmax.length; block++) {
    const largest = absmax[block] as number;
    const scale = largest === 0 ? 0 : Math.fround(1 / largest);
    const end = Math.min(values.length, (block + 1) * blockSize);
    for (let i = block * blockSize; i < end; i++) {
      codes[i] = pointsBelow(points, Math.fround((values[i] as number) * scale));
    }
  }
  return codes;
}

/** Values in 4-bit codes. */
export interface Nf4Codes {
  /** Two codes a byte, the first in the high half. */
  readonly packed: Uint8Array;
  /** Of each block of 64. */
  readonly absmax: Float32Array;
}

/** Quantizes values to 4-bit NormalFloat in blocks of 64 (bitsandbytes/backends/default/ops.py, quantize_4bit). */
export function quantizeNf4(values: Float32Array): Nf4Codes {
  const absmax = blockAbsmax(values, nf4BlockSize);
  const codes = nearestCodes(values, absmax, nf4BlockSize, nf4Table);
  const packed = new Uint8Array(Math.ceil(values.length / 2));
  // An odd number of values is filled up with zero, as bitsandbytes does.
  const zero = nf4Table.indexOf(0);
  for (let i = 0; i < packed.length; i++) packed[i] = ((codes[2 * i] as number) << 4) | (codes[2 * i + 1] ?? zero);
  return { packed, absmax };
}

/** Values in 8-bit codes of the dynamic map. */
export interface DynamicCodes {
  readonly codes: Uint8Array;
  /** Of each block of 256. */
  readonly absmax: Float32Array;
}

/**
 * Quantizes values to the nearest entries of the dynamic map in blocks of 256 (bitsandbytes, quantize_blockwise). A block of
 * zeros has codes 0 and absmax 0, as there on a processor.
 */
export function quantizeDynamic(values: Float32Array): DynamicCodes {
  const absmax = blockAbsmax(values, scaleBlockSize);
  const codes = nearestCodes(values, absmax, scaleBlockSize, dynamicTable);
  absmax.forEach((largest, block) => {
    if (largest === 0) codes.fill(0, block * scaleBlockSize, (block + 1) * scaleBlockSize);
  });
  return { codes, absmax };
}

/** Scales of blocks in 8-bit codes around their mean. */
export interface NestedScales extends DynamicCodes {
  readonly offset: number;
}

/** Quantizes the scales of NF4 blocks once more (double quantization, Dettmers et al. 2023, §3). */
export function nestScales(absmax: Float32Array): NestedScales {
  const offset = Math.fround(absmax.reduce((sum, value) => sum + value, 0) / absmax.length);
  return { ...quantizeDynamic(absmax.map((value) => value - offset)), offset };
}
