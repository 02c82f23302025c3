import { fillConvexHull } from './convex_hull.js';
import { resizeImage } from './preprocess.js';
import type { GreyImage } from './study.js';

/** A rectangle of pixels. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The part of the frames that shows ultrasound. */
export interface Sector {
  /** 1 inside, 0 outside; of the frames' size. */
  readonly mask: GreyImage;
  /**
   * The region that the file gives, where the sector fills it; else bounds of what is inside, to both sides of the apex as wide
   * as to the wider one: a corner of the fan too dark to be seen does not change the scale.
   */
  readonly box: Rectangle;
}

/** Grey levels by which a pixel changes over the frames where there is ultrasound: speckle does, text does not. */
const leastChange = 3;
/** Where nothing changes (a single frame): grey levels above black. */
const leastBrightness = 12;
/** Pixels around what changes that are the sector's too: some at its edge happen not to change. */
const margin = 2;
/** Cells by which the solid part grows to the corners of the fan. */
const growth = 6;
/** Share of a region's width and height that a sector fills around which it was drawn. */
const leastFilled = 0.9;
/** A part of the frame below this is no sector. */
const leastShare = 0.04;

/** Whether a pixel of a picture of some width lies in a rectangle. */
function isIn(part: Rectangle, i: number, width: number): boolean {
  const [x, y] = [(i % width) - part.left, Math.floor(i / width) - part.top];
  return x >= 0 && x < part.width && y >= 0 && y < part.height;
}

/** Where there is ultrasound, and where there may be. */
interface Activity {
  /** Pixels that change over the frames; of frames that are all alike those that are bright. */
  readonly active: GreyImage;
  /** Those and all that are bright: close to the probe the picture hardly changes. */
  readonly lit: GreyImage;
}

/** Only inside `within`. */
function activity(frames: readonly GreyImage[], within: Rectangle | null): Activity {
  const [{ height, width }] = frames as readonly [GreyImage];
  const low = new Uint8Array(height * width).fill(255);
  const high = new Uint8Array(height * width);
  for (const { data } of frames) {
    data.forEach((value, i) => {
      if (value < (low[i] as number)) low[i] = value;
      if (value > (high[i] as number)) high[i] = value;
    });
  }
  const changing = high.map((value, i) => (value - (low[i] as number) >= leastChange ? 1 : 0));
  const bright = high.map((value) => (value >= leastBrightness ? 1 : 0));
  const active = changing.includes(1) ? changing : bright;
  const inside = (data: Uint8Array): GreyImage => ({
    height,
    width,
    data: within === null ? data : data.map((value, i) => (isIn(within, i, width) ? value : 0)),
  });
  return { active: inside(active), lit: inside(active.map((value, i) => value | (bright[i] as number))) };
}

/** The picture in square cells of some pixels: 1 where at least a quarter of a cell's pixels are chosen. */
function inCells({ height, width, data }: GreyImage, side: number): GreyImage {
  const [rows, columns] = [Math.ceil(height / side), Math.ceil(width / side)];
  const counts = new Uint16Array(rows * columns);
  data.forEach((value, i) => {
    const cell = Math.floor(Math.floor(i / width) / side) * columns + Math.floor((i % width) / side);
    counts[cell] = (counts[cell] as number) + value;
  });
  return { height: rows, width: columns, data: Uint8Array.from(counts, (n) => (4 * n >= side * side ? 1 : 0)) };
}

/** Whether some (or every) cell of the 3 × 3 around each one is chosen; outside of the picture none is. */
function around({ height, width, data }: GreyImage, how: 'some' | 'every'): GreyImage {
  const chosen = data.map((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    let count = 0;
    for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
        count += data[row * width + column] as number;
      }
    }
    return how === 'some' ? Math.min(1, count) : Number(count === 9);
  });
  return { height, width, data: chosen };
}

const both = (a: GreyImage, b: GreyImage): GreyImage => ({
  ...a,
  data: a.data.map((value, i) => value & (b.data[i] as number)),
});

/** The largest part that hangs together over edges. */
function largestPart({ height, width, data }: GreyImage): GreyImage {
  const seen = new Uint8Array(data.length);
  let largest: number[] = [];
  data.forEach((value, first) => {
    if (value === 0 || seen[first] === 1) return;
    const part = [first];
    seen[first] = 1;
    for (const cell of part) {
      const x = cell % width;
      const next = [x > 0 ? cell - 1 : -1, x < width - 1 ? cell + 1 : -1, cell - width, cell + width];
      for (const neighbour of next) {
        if (data[neighbour] !== 1 || seen[neighbour] === 1) continue;
        seen[neighbour] = 1;
        part.push(neighbour);
      }
    }
    if (part.length > largest.length) largest = part;
  });
  const chosen = new Uint8Array(data.length);
  for (const cell of largest) chosen[cell] = 1;
  return { height, width, data: chosen };
}

/**
 * The cells of the sector: of the active ones what is thinner than three (a trace, letters) is cut off, then the largest part
 * is kept and grown by some cells over those that are lit: the fan's corners and its tip.
 */
function sectorCells(active: GreyImage, lit: GreyImage): GreyImage {
  const solid = around(around(active, 'every'), 'some');
  let part = largestPart(both(solid, active));
  for (let i = 0; i < growth; i++) part = both(around(part, 'some'), lit);
  return part;
}

/** The mean x of the middles of the mask's rows from one to another. */
function axisOf({ width, data }: GreyImage, from: number, to: number): number {
  let sum = 0;
  for (let y = from; y <= to; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    sum += (row.indexOf(1) + row.lastIndexOf(1)) / 2;
  }
  return sum / (to - from + 1);
}

/** Bounds of the mask, symmetric about the axis of its upper half. */
function boxOf({ height, width, data }: GreyImage): Rectangle {
  let [left, right, top, bottom] = [width, -1, height, -1];
  data.forEach((value, i) => {
    if (value === 0) return;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
  });
  const apex = axisOf({ height, width, data }, top, Math.floor((top + bottom) / 2));
  const half = Math.max(apex - left, right - apex);
  const start = Math.ceil(apex - half);
  return { left: start, top, width: Math.floor(apex + half) - start + 1, height: bottom - top + 1 };
}

/**
 * The region that a file gives, where the sector fills most of it: then the region was drawn around the sector, and edges too dark
 * to be seen do not change the scale from clip to clip.
 */
function steadied(box: Rectangle, within: Rectangle | null): Rectangle {
  if (within === null) return box;
  const across = Math.min(box.left + box.width, within.left + within.width) - Math.max(box.left, within.left);
  const down = Math.min(box.top + box.height, within.top + within.height) - Math.max(box.top, within.top);
  if (across < leastFilled * within.width || down < leastFilled * within.height) return box;
  const { left, top, width, height } = within;
  return { left, top, width, height };
}

/**
 * The ultrasound sector of a clip, from some of its frames (all of one size): the convex hull of the largest solid part whose
 * pixels change over time, which leaves out text, scales, colour bars and an ECG trace. `within` is the region that the file
 * gives. Null where no part is large enough.
 */
export function findSector(frames: readonly GreyImage[], within: Rectangle | null = null): Sector | null {
  const { active, lit } = activity(frames, within);
  const { height, width, data } = lit;
  const side = Math.max(1, Math.round(Math.min(height, width) / 120));
  const part = sectorCells(inCells(active, side), inCells(lit, side));
  const inPart = (i: number): boolean =>
    part.data[Math.floor(Math.floor(i / width) / side) * part.width + Math.floor((i % width) / side)] === 1;
  const chosen = { height, width, data: data.map((value, i) => (value === 1 && inPart(i) ? 1 : 0)) };
  if (chosen.data.reduce((sum, value) => sum + value, 0) < leastShare * height * width) return null;
  let mask = fillConvexHull(chosen);
  for (let i = 0; i < margin; i++) mask = around(mask, 'some');
  if (within !== null) mask = { ...mask, data: mask.data.map((value, i) => (isIn(within, i, width) ? value : 0)) };
  return { mask, box: steadied(boxOf(mask), within) };
}

/** A frame with black for everything outside the sector. */
export function maskOutside(frame: GreyImage, { mask }: Sector): GreyImage {
  return { ...frame, data: frame.data.map((value, i) => value * (mask.data[i] as number)) };
}

/** The square around a rectangle; it may reach beyond the frame. */
export function squareAround({ left, top, width, height }: Rectangle): Rectangle {
  const side = Math.max(width, height);
  return {
    left: left - Math.floor((side - width) / 2),
    top: top - Math.floor((side - height) / 2),
    width: side,
    height: side,
  };
}

/** Part of a frame; beyond the frame it is black. */
function crop({ height, width, data }: GreyImage, part: Rectangle): GreyImage {
  const values = new Uint8Array(part.height * part.width);
  for (let y = Math.max(0, -part.top); y < Math.min(part.height, height - part.top); y++) {
    const from = Math.max(0, -part.left);
    const to = Math.min(part.width, width - part.left);
    const start = (y + part.top) * width + part.left;
    values.set(data.subarray(start + from, start + to), y * part.width + from);
  }
  return { height: part.height, width: part.width, data: values };
}

/**
 * A frame as EchoNet-Dynamic's makers prepared theirs (Ouyang et al. 2020): black outside the sector, cropped to the square
 * around it, resized to `size` × `size` by cubic interpolation (here with antialiasing).
 */
export function cropToSector(frame: GreyImage, sector: Sector, size: number): GreyImage {
  return resizeImage(crop(maskOutside(frame, sector), squareAround(sector.box)), size, size, 'bicubic');
}
