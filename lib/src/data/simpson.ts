import type { GreyImage } from '../files/image.js';
import { LEFT_ATRIUM, LV_CAVITY, MYOCARDIUM } from './mask_labels.js';

/** Distance of neighbouring pixels, mm. */
export type Spacing = readonly [x: number, y: number];

/** The left ventricle in one view: its long axis and the diameters of its discs from apex to base, mm. */
export interface Discs {
  readonly length: number;
  readonly diameters: readonly number[];
}

/** The discs of a mask, or why it has none. */
export type DiscsOfMask =
  { readonly kind: 'discs'; readonly discs: Discs } | { readonly kind: 'none'; readonly reason: string };

/** A place or a direction, mm. */
type Place = readonly [x: number, y: number];

const dot = ([ax, ay]: Place, [bx, by]: Place): number => ax * bx + ay * by;
const distance = (a: Place, b: Place): number => Math.hypot(a[0] - b[0], a[1] - b[1]);

function mean(places: readonly Place[]): Place {
  const sum = (axis: 0 | 1): number => places.reduce((total, place) => total + place[axis], 0);
  return [sum(0) / places.length, sum(1) / places.length];
}

/** The pixels of the largest connected piece of the ventricle: strays of a mask do not count. */
function cavityOf({ height, width, data }: GreyImage): number[] {
  const seen = new Uint8Array(data.length);
  let largest: number[] = [];
  for (let start = 0; start < data.length; start++) {
    if (data[start] !== LV_CAVITY || seen[start] === 1) continue;
    const piece = [start];
    seen[start] = 1;
    for (let next = 0; next < piece.length; next++) {
      for (const neighbour of neighbours(piece[next] as number, width, height)) {
        if (data[neighbour] !== LV_CAVITY || seen[neighbour] === 1) continue;
        seen[neighbour] = 1;
        piece.push(neighbour);
      }
    }
    if (piece.length > largest.length) largest = piece;
  }
  return largest;
}

/** The up to four pixels beside one. */
function neighbours(pixel: number, width: number, height: number): number[] {
  const x = pixel % width;
  const found: number[] = [];
  if (x > 0) found.push(pixel - 1);
  if (x < width - 1) found.push(pixel + 1);
  if (pixel >= width) found.push(pixel - width);
  if (pixel < width * (height - 1)) found.push(pixel + width);
  return found;
}

/** Pixels of the cavity at the mitral valve: beside the atrium or, in a mask without one there, not beside the wall. */
function valveOf({ height, width, data }: GreyImage, pixels: readonly number[]): number[] {
  const beside = (accept: (label: number) => boolean): number[] =>
    pixels.filter((pixel) => neighbours(pixel, width, height).some((next) => accept(data[next] as number)));
  const atrium = beside((label) => label === LEFT_ATRIUM);
  return atrium.length > 1 ? atrium : beside((label) => label !== LV_CAVITY && label !== MYOCARDIUM);
}

function farthestFrom(from: Place, places: readonly Place[]): Place {
  return places.reduce((best, place) => (distance(from, place) > distance(from, best) ? place : best), from);
}

/** Between the two ends of the valve, found as the place farthest from its middle and the one farthest from that. */
function middleOfValve(places: readonly Place[]): Place {
  const one = farthestFrom(mean(places), places);
  return mean([one, farthestFrom(one, places)]);
}

/** The apex: the middle of what is nearly as far from the valve as the farthest pixel, since a blunt tip has no one pixel. */
function apexOf(base: Place, pixels: readonly number[], placeOf: (pixel: number) => Place): Place {
  const most = pixels.reduce((far, pixel) => Math.max(far, distance(base, placeOf(pixel))), 0);
  return mean(pixels.filter((pixel) => distance(base, placeOf(pixel)) > 0.95 * most).map(placeOf));
}

/** A pixel is spread over the discs in this many parts a side. */
const parts = 4;

/** Where the parts of a pixel lie along the axis, from the pixel's middle, mm. */
function partsAlong(along: Place, spacing: Spacing): number[] {
  const offsets = Array.from({ length: parts }, (_, i) => (i + 0.5) / parts - 0.5);
  return offsets.flatMap((x) => offsets.map((y) => dot([x * spacing[0], y * spacing[1]], along)));
}

/**
 * The left ventricle of a mask as the method of discs takes it: the long axis runs from the middle of the mitral valve to
 * the apex, and each of the discs is as wide as the cavity is across the axis on average over the disc's thickness.
 */
export function discsOf(mask: GreyImage, spacing: Spacing, discs = 20): DiscsOfMask {
  const pixels = cavityOf(mask);
  if (pixels.length === 0) return { kind: 'none', reason: 'mask without left ventricle' };
  const placeOf = (pixel: number): Place => [
    (pixel % mask.width) * spacing[0],
    Math.floor(pixel / mask.width) * spacing[1],
  ];
  const valve = valveOf(mask, pixels);
  if (valve.length < 2) return { kind: 'none', reason: 'mask without mitral valve' };
  const base = middleOfValve(valve.map(placeOf));
  const apex = apexOf(base, pixels, placeOf);
  const span = distance(base, apex);
  if (span === 0) return { kind: 'none', reason: 'left ventricle too small' };
  const along: Place = [(base[0] - apex[0]) / span, (base[1] - apex[1]) / span];
  const offsets = partsAlong(along, spacing);
  const reach = Math.max(...offsets);
  let [first, last] = [Infinity, -Infinity];
  for (const pixel of pixels) {
    const at = dot(placeOf(pixel), along);
    first = Math.min(first, at - reach);
    last = Math.max(last, at + reach);
  }
  const length = last - first;
  const counts = new Array<number>(discs).fill(0);
  for (const pixel of pixels) {
    const at = dot(placeOf(pixel), along) - first;
    for (const offset of offsets) {
      const disc = Math.min(discs - 1, Math.max(0, Math.floor(((at + offset) / length) * discs)));
      counts[disc] = (counts[disc] as number) + 1;
    }
  }
  const areaOfPart = (spacing[0] * spacing[1]) / parts ** 2;
  const diameters = counts.map((count) => (count * areaOfPart * discs) / length);
  return { kind: 'discs', discs: { length, diameters } };
}

/**
 * Volume in mL by the biplane method of discs (modified Simpson's rule): π/4 · Σ aₖ·bₖ · L/n, the diameters aₖ and bₖ of
 * disc k in two views at right angles, L the longer of the two long axes (Lang et al. 2015,
 * doi 10.1016/j.echo.2014.10.003).
 */
export function biplaneVolume(one: Discs, other: Discs): number {
  const length = Math.max(one.length, other.length);
  const sum = one.diameters.reduce((total, a, k) => total + a * (other.diameters[k] as number), 0);
  return ((Math.PI / 4) * sum * length) / one.diameters.length / 1000;
}
