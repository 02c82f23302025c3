import type { TensorData } from './safetensors.js';

/** The bits of a float32, rounded to the nearest half-precision number, ties to even (IEEE 754). */
function toHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Below 2⁻¹⁴ the halves are the multiples of 2⁻²⁴.
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return sign;
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const kept = fraction >>> shift;
  const rest = fraction & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return sign | (kept + Number(rest > half || (rest === half && kept % 2 === 1)));
}

/** float32 values as a half-precision tensor to be written; what is too large for one (from 65,520) becomes infinite. */
export function float16Data(values: Float32Array, shape: readonly number[]): TensorData {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return { dtype: 'F16', shape, data: new Uint8Array(Uint16Array.from(bits, toHalf).buffer) };
}
