import { phantomShapes, SHAPE_KINDS, type ShapeImage } from '../data/phantom/shapes.js';
import { fold, rootKey } from '../tree/random.js';
import type { BatchSource, DrawBatch } from './batch.js';

/** Numbers that say where an ellipse is, how large and how turned. */
export const ELLIPSE = 6;

/**
 * An ellipse as six numbers near −1 … 1: centre (border to border), natural logarithms of the half axes against an eighth of
 * the picture, and cos 2φ, sin 2φ of the long axis' direction φ times 1 − short/long, since a circle has none.
 */
export function ellipseNumbers({ centre, axes, angle }: ShapeImage, size: number): number[] {
  const [long, short] = axes;
  const turned = 1 - short / long;
  return [
    ...centre.map((pixel) => (2 * (pixel + 0.5)) / size - 1),
    ...axes.map((axis) => Math.log((8 * axis) / size)),
    turned * Math.cos(2 * angle),
    turned * Math.sin(2 * angle),
  ];
}

/** Side of the grid of cells that tell what is where, and of the points in a cell. */
export const CELLS = 7;
const POINTS_OF_CELL = 4;

/** What a cell may show: a shape of a kind, or none. */
export const CELL_LABELS = SHAPE_KINDS.length + 1;

/** Area fractions of each kind and, last, of what lies around, in each cell: `[CELLS·CELLS·CELL_LABELS]`, row-major. */
export function cellFractions({ kind, centre, axes, angle }: ShapeImage, size: number): Float32Array {
  const fractions = new Float32Array(CELLS * CELLS * CELL_LABELS);
  const points = CELLS * POINTS_OF_CELL;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  for (let at = 0; at < points * points; at++) {
    const [row, column] = [Math.floor(at / points), at % points];
    const x = ((column + 0.5) * size) / points - 0.5 - centre[0];
    const y = ((row + 0.5) * size) / points - 0.5 - centre[1];
    const inside = Math.hypot((x * cos + y * sin) / axes[0], (y * cos - x * sin) / axes[1]) < 1;
    const cell = Math.floor(row / POINTS_OF_CELL) * CELLS + Math.floor(column / POINTS_OF_CELL);
    const label = cell * CELL_LABELS + (inside ? SHAPE_KINDS.indexOf(kind) : SHAPE_KINDS.length);
    fractions[label] = (fractions[label] as number) + 1 / POINTS_OF_CELL ** 2;
  }
  return fractions;
}

/**
 * Generic shapes in speckle. Targets: the kind one-hot `[B, kinds]`, the ellipse `[B, ELLIPSE]` and area fractions
 * `[B, CELLS·CELLS, CELL_LABELS]`.
 */
export function shapeBatches({ seed, batch, size }: BatchSource): DrawBatch {
  const key = fold(rootKey(seed), 'shapes');
  return (step) => {
    const images = new Uint8Array(batch * size * size);
    const kinds = new Float32Array(batch * SHAPE_KINDS.length);
    const cells = new Float32Array(batch * CELLS * CELLS * CELL_LABELS);
    const ellipses = new Float32Array(batch * ELLIPSE);
    for (let i = 0; i < batch; i++) {
      const shape = phantomShapes(fold(key, step * batch + i), size);
      images.set(shape.image, i * size * size);
      kinds[i * SHAPE_KINDS.length + SHAPE_KINDS.indexOf(shape.kind)] = 1;
      ellipses.set(ellipseNumbers(shape, size), i * ELLIPSE);
      cells.set(cellFractions(shape, size), (i * cells.length) / batch);
    }
    return { images, targets: [kinds, ellipses, cells] };
  };
}
