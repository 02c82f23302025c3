import { fold, Random, type Key } from '../../tree/random.js';
import { POOL_MASK } from './noise_pool.js';
import { createScanner, type Scanner } from './scanner.js';
import { drawProbe, FIELD_MM, pixelMm, toPixels } from './view.js';

/** What a shape image shows: a dark cavity in tissue, a bright ring around a dark one, a bright mass, a bright line. */
export const SHAPE_KINDS = ['cavity', 'ring', 'mass', 'line'] as const;
export type ShapeKind = (typeof SHAPE_KINDS)[number];

/** A picture that looks like ultrasound and shows no organ, with what is to be read from it. */
export interface ShapeImage {
  /** Grey `[size·size]`. */
  readonly image: Uint8Array;
  readonly kind: ShapeKind;
  /** Centre, pixels. */
  readonly centre: readonly [x: number, y: number];
  /** Half axes, the longer first, pixels. */
  readonly axes: readonly [long: number, short: number];
  /** Direction of the long axis from the x axis towards the bottom, radians in [0, π). */
  readonly angle: number;
}

/** An ellipse in the picture, mm. */
interface Ellipse {
  readonly x: number;
  readonly y: number;
  readonly long: number;
  readonly short: number;
  readonly angle: number;
}

function drawEllipse(random: Random, kind: ShapeKind): Ellipse {
  const depth = 50 + 75 * random.uniform();
  const long = (kind === 'line' ? 15 : 12) + 0.3 * depth * random.uniform();
  return {
    x: FIELD_MM / 2 + 0.4 * depth * (2 * random.uniform() - 1),
    y: depth,
    long,
    short: kind === 'line' ? 1.5 : long * (0.4 + 0.55 * random.uniform()),
    angle: Math.PI * random.uniform(),
  };
}

/** Scaled distance from an ellipse's centre: 1 on the ellipse. */
function distanceFrom({ x, y, long, short, angle }: Ellipse): (px: number, py: number) => number {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  return (px, py) => {
    const along = ((px - x) * cos + (py - y) * sin) / long;
    const across = ((py - y) * cos - (px - x) * sin) / short;
    return Math.sqrt(along * along + across * across);
  };
}

/** Scatterer strength of a shape at a scaled distance, given that of the tissue around it. */
function strengthOf(kind: ShapeKind, d: number, around: number, dark: number): number {
  switch (kind) {
    case 'cavity':
      return d < 1 ? dark : around;
    case 'ring':
      return d < 0.8 ? dark : d < 1.1 ? 1 : 0.5 * around;
    case 'mass':
      return d < 1 ? 1.2 : 0.5 * around;
    case 'line':
      return d < 1 ? 2.5 : 0.7 * around;
  }
}

function fill(scanner: Scanner, random: Random, kind: ShapeKind, main: Ellipse): void {
  const { probe, angles, step, beams, depths } = scanner;
  const around = 0.25 + 0.4 * random.uniform();
  const dark = 0.03 + 0.12 * random.uniform();
  const spots = Array.from({ length: random.integer(4) }, () => distanceFrom(drawEllipse(random, 'mass')));
  const distance = distanceFrom(main);
  const origin = random.integer(POOL_MASK);
  for (let i = 0, at = 0; i < beams; i++) {
    const [sin, cos] = [Math.sin(angles[i] as number), Math.cos(angles[i] as number)];
    for (let j = 0; j < depths; j++, at++) {
      const x = probe.tipX + j * step * sin;
      const y = probe.tipY + j * step * cos;
      const shade = spots.reduce((level, spot) => (spot(x, y) < 1 ? 0.6 * level : level), around);
      scanner.strength[at] = strengthOf(kind, distance(x, y), shade, dark);
      scanner.scatterer[at] = origin + at;
    }
  }
}

/** The shape image of a key: one shape of random kind, place, size and direction in a sector of speckle. */
export function phantomShapes(key: Key, size: number): ShapeImage {
  const random = new Random(fold(key, 'shape'));
  const kind = SHAPE_KINDS[random.integer(SHAPE_KINDS.length)] as ShapeKind;
  const main = drawEllipse(random, kind);
  const scanner = createScanner(drawProbe(random), random, size);
  fill(scanner, random, kind, main);
  const mm = pixelMm(size);
  return {
    image: scanner.picture(0),
    kind,
    centre: [toPixels(main.x, size), toPixels(main.y, size)],
    axes: [main.long / mm, main.short / mm],
    angle: main.angle,
  };
}
