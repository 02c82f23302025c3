import { BACKGROUND, LEFT_ATRIUM, LV_CAVITY, MYOCARDIUM } from '../mask_labels.js';
import { CAP_ROWS, LATERAL_WALL, layerOf, LEFT_BLOOD, rowOf, ROWS, SEPTUM, VENTRICLE_ROWS } from './heart.js';
import { heartAt, toHeart, toPicture, ventricleAt, type PhantomStudy, type Point } from './study.js';
import { chord, DISCS } from './ventricle.js';
import { pixelMm } from './view.js';

function labelOf(row: number, layer: number): number {
  const atria = row >= CAP_ROWS + VENTRICLE_ROWS;
  if (layer === LEFT_BLOOD) return atria ? LEFT_ATRIUM : LV_CAVITY;
  return !atria && (layer === SEPTUM || layer === LATERAL_WALL) ? MYOCARDIUM : BACKGROUND;
}

/** The label map of frame t on `grid` × `grid` cells over the whole picture, `[grid·grid]`, each cell's label that of its centre. */
export function phantomMasks(study: PhantomStudy, t: number, grid: number): Uint8Array {
  const heart = heartAt(study, t);
  const mm = pixelMm(grid);
  return Uint8Array.from({ length: grid * grid }, (_, at) => {
    const [a, b] = toHeart(study.placement, ((at % grid) + 0.5) * mm, (Math.floor(at / grid) + 0.5) * mm);
    const row = rowOf(heart, a);
    return row < 0 || row >= ROWS ? BACKGROUND : labelOf(row, layerOf(heart.borders, row, b));
  });
}

/** Landmarks of the left ventricle, pixels. */
export interface Landmarks {
  readonly apex: Point;
  /** Where the mitral valve is hinged: at the septum and at the lateral wall. */
  readonly annulus: readonly [septal: Point, lateral: Point];
}

/** The endocardial apex and the two points of the mitral annulus at frame t. */
export function phantomLandmarks(study: PhantomStudy, t: number): Landmarks {
  const ventricle = ventricleAt(study, t);
  const { left, right } = chord(ventricle, 1);
  const { length } = ventricle;
  return {
    apex: toPicture(study, 0, chord(ventricle, 0).left),
    annulus: [toPicture(study, length, left), toPicture(study, length, right)],
  };
}

/** A line of a tracing, pixels. */
export type Line = readonly [x1: number, y1: number, x2: number, y2: number];

/** The tracing of the endocardium at frame t as EchoNet-Dynamic lists it: the long axis, then a chord for each disc from apex to base. */
export function phantomTracing(study: PhantomStudy, t: number): readonly Line[] {
  const ventricle = ventricleAt(study, t);
  const line = (a0: number, b0: number, a1: number, b1: number): Line => [
    ...toPicture(study, a0, b0),
    ...toPicture(study, a1, b1),
  ];
  const chords = Array.from({ length: DISCS }, (_, k) => {
    const s = (k + 0.5) / DISCS;
    const { left, right } = chord(ventricle, s);
    return line(s * ventricle.length, left, s * ventricle.length, right);
  });
  return [line(0, 0, ventricle.length, 0), ...chords];
}
