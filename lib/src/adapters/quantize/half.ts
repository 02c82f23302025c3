const float = new Float32Array(1);
const bits = new Int32Array(float.buffer);
const smallestNormal = 2 ** -14;

/** Ties to even; exact for |x| < 2²², which holds for codes and for what half precision has below its normal numbers. */
export function roundHalfEven(x: number): number {
  return Math.fround(Math.fround(x) + 12582912) - 12582912;
}

/** A float32 number rounded to half precision, ties to even. */
export function toHalf(value: number): number {
  if (Math.abs(value) < smallestNormal) return roundHalfEven(value * 2 ** 24) / 2 ** 24;
  float[0] = value;
  const found = bits[0] as number;
  bits[0] = (found + 0xfff + ((found >> 13) & 1)) & ~0x1fff;
  const rounded = float[0] as number;
  return Math.abs(rounded) > 65504 ? Math.sign(rounded) * Infinity : rounded;
}
