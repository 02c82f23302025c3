import type { GreyImage } from '../files/image.js';

/** Cells across and down the part of the picture that moves. */
export const CELLS = 28;

/** A clip as coarse cells over the part that moves: their square-rooted grey levels less their means, `[T][CELLS²]`. */
export interface MotionGrid {
  readonly frames: readonly Float64Array[];
  /** The same before smoothing over time. */
  readonly unsmoothed: readonly Float64Array[];
  /** Root mean square of all values. */
  readonly contrast: number;
}

/** A rectangle of pixels, ends exclusive. */
interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Pixels change where their standard deviation over time exceeds this share of that of the liveliest. */
const LIVELY = 0.15;

/** Standard deviation of each pixel over time. */
function deviations(frames: readonly GreyImage[]): Float64Array {
  const pixels = (frames[0] as GreyImage).data.length;
  const [sum, squares] = [new Float64Array(pixels), new Float64Array(pixels)];
  for (const { data } of frames) {
    for (let i = 0; i < pixels; i++) {
      const value = data[i] as number;
      (sum[i] as number) += value;
      (squares[i] as number) += value * value;
    }
  }
  const T = frames.length;
  return squares.map((square, i) => Math.sqrt(Math.max(0, square / T - ((sum[i] as number) / T) ** 2)));
}

/** The rows or columns between which lie all but a hundredth of what changes, at either end. */
function extent(counts: Float64Array): [from: number, to: number] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let [from, to] = [0, counts.length];
  for (let before = counts[from] as number; before < 0.005 * total; before += counts[from] as number) from++;
  for (let after = counts[to - 1] as number; after < 0.005 * total; after += counts[to - 1] as number) to--;
  return [from, to];
}

/** The box of the sector: text and rulers beside it do not change. */
function movingBox(frames: readonly GreyImage[]): Box {
  const { height, width } = frames[0] as GreyImage;
  const deviation = deviations(frames);
  const liveliest = Float64Array.from(deviation).sort()[Math.floor(0.99 * deviation.length)] as number;
  const [rows, columns] = [new Float64Array(height), new Float64Array(width)];
  deviation.forEach((value, i) => {
    if (value <= LIVELY * liveliest) return;
    (rows[Math.floor(i / width)] as number)++;
    (columns[i % width] as number)++;
  });
  const [top, bottom] = extent(rows);
  const [left, right] = extent(columns);
  return { top, bottom, left, right };
}

/** Mean of the square root of grey levels in each cell: speckle's spread grows with its level, the root evens it out. */
function cellMeans({ width, data }: GreyImage, { top, bottom, left, right }: Box): Float64Array {
  const cells = new Float64Array(CELLS * CELLS);
  const counts = new Float64Array(CELLS * CELLS);
  for (let y = top; y < bottom; y++) {
    const row = CELLS * Math.floor((CELLS * (y - top)) / (bottom - top));
    for (let x = left; x < right; x++) {
      const cell = row + Math.floor((CELLS * (x - left)) / (right - left));
      (cells[cell] as number) += Math.sqrt(data[y * width + x] as number);
      (counts[cell] as number)++;
    }
  }
  return cells.map((sum, i) => sum / Math.max(1, counts[i] as number));
}

/** Weighs each value with its two neighbours along one axis (1, 2, 1); the ends repeat. */
function blurred(cells: Float64Array, step: number): Float64Array {
  return cells.map((value, i) => {
    const place = Math.floor(i / step) % CELLS;
    const before = cells[place > 0 ? i - step : i] as number;
    const after = cells[place < CELLS - 1 ? i + step : i] as number;
    return (before + 2 * value + after) / 4;
  });
}

/** Gaussian mean over time with a standard deviation of `sigma` frames, of the frames that there are. */
function smoothedInTime(frames: readonly Float64Array[], sigma: number): Float64Array[] {
  const reach = Math.ceil(3 * sigma);
  return frames.map((frame, t) => {
    const out = new Float64Array(frame.length);
    let total = 0;
    for (let s = Math.max(0, t - reach); s <= Math.min(frames.length - 1, t + reach); s++) {
      const weight = Math.exp(-0.5 * ((s - t) / sigma) ** 2);
      total += weight;
      (frames[s] as Float64Array).forEach((value, i) => ((out[i] as number) += weight * value));
    }
    return out.map((value) => value / total);
  });
}

/** Frames less their mean. */
function centred(frames: readonly Float64Array[]): Float64Array[] {
  const mean = new Float64Array(CELLS * CELLS);
  for (const frame of frames) frame.forEach((value, i) => ((mean[i] as number) += value / frames.length));
  return frames.map((frame) => frame.map((value, i) => value - (mean[i] as number)));
}

/** A clip of one size of picture as coarse cells, smoothed in space and over `seconds` (standard deviation). */
export function motionGrid(clip: readonly GreyImage[], fps: number, seconds: number): MotionGrid {
  const box = movingBox(clip);
  const coarse = clip.map((frame) => blurred(blurred(cellMeans(frame, box), 1), CELLS));
  const frames = centred(smoothedInTime(coarse, seconds * fps));
  const power = frames.reduce((sum, frame) => sum + frame.reduce((s, v) => s + v * v, 0), 0);
  return { frames, unsmoothed: centred(coarse), contrast: Math.sqrt(power / (frames.length * CELLS * CELLS)) };
}
