import type { Random } from '../../tree/random.js';
import { chord, profile, type Ventricle, type VentricleForm } from './ventricle.js';

/** What surrounds the left ventricle, constant over the clip; lengths in mm. */
export interface HeartForm {
  readonly ventricle: VentricleForm;
  /** Thickness of the wall at end-diastole. */
  readonly wall: number;
  /** Cross-section of the wall times length, kept through the beat (muscle is incompressible). */
  readonly muscle: number;
  readonly atrium: number;
  readonly atriumWidth: number;
  readonly rightWidth: number;
  /** Where along the left ventricle the right one begins, 0 apex … 1 base. */
  readonly rightApex: number;
  readonly rightAtriumWidth: number;
}

/** The six borders across the long axis, from left to right. */
export const RIGHT_OUTER = 0;
export const RIGHT_INNER = 1;
export const SEPTUM_RIGHT = 2;
export const CAVITY_LEFT = 3;
export const CAVITY_RIGHT = 4;
export const OUTER = 5;
export const BORDERS = 6;

/** The layers between the borders: the number of borders to their left. */
export const OUTSIDE_LEFT = 0;
export const FREE_WALL = 1;
export const RIGHT_BLOOD = 2;
export const SEPTUM = 3;
export const LEFT_BLOOD = 4;
export const LATERAL_WALL = 5;
export const OUTSIDE_RIGHT = 6;
export const LAYERS = BORDERS + 1;

/** Rows of the table of borders: above the cavity, along the ventricle, along the atria; a row stays with its tissue. */
export const CAP_ROWS = 24;
export const VENTRICLE_ROWS = 200;
export const ATRIUM_ROWS = 120;
export const ROWS = CAP_ROWS + VENTRICLE_ROWS + ATRIUM_ROWS;

/** The whole heart at one moment, in the frame of the long axis: a from the endocardial apex to the base, b across (mm). */
export interface Heart {
  readonly ventricle: Ventricle;
  /** Thickness of the wall at the apex and of the widest part. */
  readonly wall: number;
  readonly atrium: number;
  /** b of border k in row i at `borders[BORDERS · i + k]`. */
  readonly borders: Float32Array;
  /** Leaflets as segments a0, b0, a1, b1: anterior and posterior mitral, septal and lateral tricuspid. */
  readonly leaflets: readonly Segment[];
}

export type Segment = readonly [a0: number, b0: number, a1: number, b1: number];

export function drawHeartForm(random: Random, ventricle: VentricleForm, atEnd: Ventricle): HeartForm {
  const wall = 7.5 + 3 * random.uniform();
  const half = atEnd.width / 2;
  return {
    ventricle,
    wall,
    muscle: ((half + wall) ** 2 - half ** 2) * atEnd.length,
    atrium: 36 + 18 * random.uniform(),
    atriumWidth: 36 + 14 * random.uniform(),
    rightWidth: 24 + 12 * random.uniform(),
    rightApex: 0.1 + 0.2 * random.uniform(),
    rightAtriumWidth: 34 + 12 * random.uniform(),
  };
}

/** Row of the table for a place along the axis; −1 above the heart, ROWS or more below it. */
export function rowOf(heart: Heart, a: number): number {
  const { wall, atrium, ventricle } = heart;
  if (a < -wall) return -1;
  if (a < 0) return Math.floor((1 + a / wall) * CAP_ROWS);
  if (a < ventricle.length) return CAP_ROWS + Math.floor((a / ventricle.length) * VENTRICLE_ROWS);
  return CAP_ROWS + VENTRICLE_ROWS + Math.floor(((a - ventricle.length) / atrium) * ATRIUM_ROWS);
}

/** The layer in which b lies in a row of the table. */
export function layerOf(borders: Float32Array, row: number, b: number): number {
  let layer = 0;
  while (layer < BORDERS && b >= (borders[BORDERS * row + layer] as number)) layer++;
  return layer;
}

/** Place along the axis of the middle of a row, the inverse of {@link rowOf}. */
export function placeOf(heart: Heart, row: number): number {
  const i = row + 0.5;
  if (i < CAP_ROWS) return (i / CAP_ROWS - 1) * heart.wall;
  if (i < CAP_ROWS + VENTRICLE_ROWS) return ((i - CAP_ROWS) / VENTRICLE_ROWS) * heart.ventricle.length;
  return heart.ventricle.length + ((i - CAP_ROWS - VENTRICLE_ROWS) / ATRIUM_ROWS) * heart.atrium;
}

/** Blends from 1 at the annulus to 0 a short way below it. */
function nearAnnulus(q: number): number {
  const u = Math.max(0, 1 - q / 0.15);
  return u * u * (3 - 2 * u);
}

/** Width of an atrium at q (0 annulus … 1 roof): from the annulus to its widest, then closed. */
function atriumProfile(q: number, annulus: number, widest: number): number {
  const most = Math.max(widest, 1.05 * annulus);
  const u = 2 * q - 0.9;
  if (u < 0) return most * Math.sqrt(1 - (1 - (annulus / most) ** 2) * (u / 0.9) ** 2);
  return most * Math.sqrt(Math.max(0, 1 - (u / 1.1) ** 2));
}

/** Width of the right ventricle at s along the left one. */
function rightProfile({ rightApex }: HeartForm, s: number): number {
  const u = (s - rightApex) / (1 - rightApex);
  return u <= 0 ? 0 : Math.sin((Math.PI / 2) * Math.pow(u, 0.75));
}

function fillVentricle(form: HeartForm, heart: Heart, rightWidth: number): void {
  const { ventricle, wall, borders } = heart;
  const { length, width } = ventricle;
  const tip = chord(ventricle, 0);
  for (let row = 0; row < CAP_ROWS + VENTRICLE_ROWS; row++) {
    const a = placeOf(heart, row);
    const s = a / length;
    const { left, right } = s > 0 ? chord(ventricle, s) : tip;
    const outer = (profile(form.ventricle, (a + wall) / (length + wall)) * (width + 2 * wall)) / 2;
    const middle = (left + right) / 2;
    const septum = Math.min(left - 0.4 * wall * Math.max(0, s), middle - outer);
    const lateral = Math.max(right + 0.4 * wall * Math.max(0, s), middle + outer);
    const inner = septum - rightWidth * rightProfile(form, s);
    const at = BORDERS * row;
    borders[at + RIGHT_OUTER] = inner - 3.5 * Math.min(1, (septum - inner) / 6);
    borders[at + RIGHT_INNER] = inner;
    borders[at + SEPTUM_RIGHT] = septum;
    borders[at + CAVITY_LEFT] = left;
    borders[at + CAVITY_RIGHT] = right;
    borders[at + OUTER] = lateral;
  }
}

/** The atria continue the borders of the base; below the annulus the walls thin to 3 mm. */
function fillAtria(form: HeartForm, heart: Heart, size: number): void {
  const { borders } = heart;
  const base = BORDERS * (CAP_ROWS + VENTRICLE_ROWS - 1);
  const edge = (k: number): number => borders[base + k] as number;
  const annulus = edge(CAVITY_RIGHT) - edge(CAVITY_LEFT);
  const tricuspid = edge(SEPTUM_RIGHT) - edge(RIGHT_INNER);
  for (let row = CAP_ROWS + VENTRICLE_ROWS; row < ROWS; row++) {
    const q = (row + 0.5 - CAP_ROWS - VENTRICLE_ROWS) / ATRIUM_ROWS;
    const near = nearAnnulus(q);
    const width = atriumProfile(q, annulus, form.atriumWidth * size);
    const rightWidth = atriumProfile(q, tricuspid, form.rightAtriumWidth * size);
    const left = edge(CAVITY_LEFT) + 0.4 * (annulus - width);
    const septum = edge(SEPTUM_RIGHT);
    const right = left + width;
    const at = BORDERS * row;
    borders[at + CAVITY_LEFT] = left;
    borders[at + CAVITY_RIGHT] = right;
    borders[at + OUTER] = right + 3 + near * (edge(OUTER) - edge(CAVITY_RIGHT) - 3);
    const thin = Math.min(edge(CAVITY_LEFT), left) - 3 - near * (edge(CAVITY_LEFT) - septum - 3);
    borders[at + SEPTUM_RIGHT] = thin - 0.15 * Math.max(0, tricuspid - rightWidth);
    borders[at + RIGHT_INNER] = (borders[at + SEPTUM_RIGHT] as number) - rightWidth;
    borders[at + RIGHT_OUTER] = (borders[at + RIGHT_INNER] as number) - 3;
  }
}

/** Two leaflets hinged at the annulus: closed they meet a little above it, open they hang into the ventricle. */
function leafletPair(length: number, left: number, right: number, opening: number): [Segment, Segment] {
  const width = right - left;
  const tip = (share: number, long: number, side: number): [number, number] => {
    const closed: [number, number] = [length - 0.16 * width, left + 0.58 * width];
    const open: [number, number] = [length - long * width, left + share * width + side];
    return [closed[0] + opening * (open[0] - closed[0]), closed[1] + opening * (open[1] - closed[1])];
  };
  return [
    [length, left, ...tip(0.12, 0.62, 0)],
    [length, right, ...tip(0.92, 0.42, 0)],
  ];
}

/** The heart around a ventricle: walls that thicken as they shorten, right heart, atria that fill as the ventricle empties. */
export function heartAround(form: HeartForm, ventricle: Ventricle, opening: number): Heart {
  const half = ventricle.width / 2;
  const wall = Math.sqrt(half * half + form.muscle / ventricle.length) - half;
  const fill = ventricle.emptied;
  const atrium = form.atrium * (0.86 + 0.22 * fill);
  const borders = new Float32Array(ROWS * BORDERS);
  const heart = { ventricle, wall, atrium, borders };
  fillVentricle(form, { ...heart, leaflets: [] }, form.rightWidth * (1 - 0.22 * fill));
  fillAtria(form, { ...heart, leaflets: [] }, 0.94 + 0.1 * fill);
  const base = BORDERS * (CAP_ROWS + VENTRICLE_ROWS - 1);
  const edge = (k: number): number => borders[base + k] as number;
  const { length } = ventricle;
  const mitral = leafletPair(length, edge(CAVITY_LEFT), edge(CAVITY_RIGHT), opening);
  const tricuspid = leafletPair(length - 4, edge(SEPTUM_RIGHT), edge(RIGHT_INNER), opening);
  return { ...heart, leaflets: [...mitral, ...tricuspid] };
}
