/** The 16 values of 4-bit NormalFloat (bitsandbytes/functional.py, get_4bit_type). */
export const nf4Table = Float32Array.of(
  ...[-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334],
  ...[-0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224],
  ...[0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1],
);

/** Values a block: of a weight, and of the blocks' own scales. */
export const nf4BlockSize = 64;
export const scaleBlockSize = 256;

/** torch.linspace(0.1, 1, count) in float32: counted from both ends, each value rounded once. */
function linspace(count: number): number[] {
  const start = Math.fround(0.1);
  const step = Math.fround(Math.fround(1 - start) / (count - 1));
  const half = Math.floor(count / 2);
  return Array.from({ length: count }, (_, i) => Math.fround(i < half ? start + step * i : 1 - step * (count - 1 - i)));
}

/** The signed 8-bit dynamic map: 7 decades, each with twice the fractions of the one below (create_dynamic_map). */
function dynamicMap(): Float32Array {
  const values = [0, 1];
  for (let decade = 0; decade < 7; decade++) {
    const bounds = linspace(2 ** decade + 1);
    for (let i = 1; i < bounds.length; i++) {
      const mean = Math.fround(Math.fround((bounds[i - 1] as number) + (bounds[i] as number)) / 2);
      const value = Math.fround(Math.fround(10 ** (decade - 6)) * mean);
      values.push(value, -value);
    }
  }
  return Float32Array.from(values).sort();
}

export const dynamicTable = dynamicMap();

/** The two values of every byte of packed codes, the high half first: `[256, 2]`. */
export const nf4PairTable = Float32Array.from({ length: 512 }, (_, i) => {
  const byte = i >> 1;
  return nf4Table[i % 2 === 0 ? byte >> 4 : byte & 15] as number;
});
