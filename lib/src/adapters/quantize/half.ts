/** The bits of 2⁻¹⁴, the smallest normal number of half precision, and of the largest number, 65504. */
const smallestNormal = 0x38800000;
const largest = 0x477fe000;
const infinity = 0x7f800000;

/** Ties to even; exact for |x| < 2²², which holds for codes and for what half precision has below its normal numbers. */
export function roundHalfEven(x: number): number {
  return Math.fround(Math.fround(x) + 12582912) - 12582912;
}

/** Rounds float32 values to half precision in place, ties to even; what is too large becomes infinite. */
export function roundToHalf(values: Float32Array): void {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const found = bits[i] as number;
    const size = found & 0x7fffffff;
    if (size < smallestNormal) {
      values[i] = roundHalfEven((values[i] as number) * 2 ** 24) / 2 ** 24;
    } else if (size < infinity) {
      const rounded = (size + 0xfff + ((size >> 13) & 1)) & ~0x1fff;
      bits[i] = (found & 0x80000000) | (rounded > largest ? infinity : rounded);
    }
  }
}
