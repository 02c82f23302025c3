import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { CELLS, type MotionGrid } from './motion_grid.js';

/** How large the left ventricle's cavity looks over a clip, from motion alone. */
export interface CavityCurve {
  /** A value a frame in arbitrary units, larger where the cavity is; mean 0. */
  readonly size: Float64Array;
  /** Share of the apical region's change of brightness that the chosen motion accounts for, 0 … 1: how sure its sign is. */
  readonly brightening: number;
}

/** Patterns of motion looked at: emptying, the valves' leaflets, and the probe's drift where there is one. */
const COMPONENTS = 3;

/** Middle and spread of the region in which the cavity narrows as it empties, shares of the sector's box; above the valve. */
const REGION = { y: 0.3, x: 0.5, height: 0.12, width: 0.2 } as const;

/** Weight of each cell in the region's brightness. */
const regionWeights = Float64Array.from({ length: CELLS * CELLS }, (_, i) => {
  const y = (Math.floor(i / CELLS) + 0.5) / CELLS;
  const x = ((i % CELLS) + 0.5) / CELLS;
  return Math.exp(-0.5 * (((y - REGION.y) / REGION.height) ** 2 + ((x - REGION.x) / REGION.width) ** 2));
});

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** Frames from which the patterns of motion are taken, evenly spaced where a clip has more: time grows with their cube. */
const SAMPLED = 200;

/** How much of a pattern (a weighted sum of frames) each frame shows, scaled to length 1. */
export function course(frames: readonly Float64Array[], pattern: Float64Array): number[] {
  const along = frames.map((frame) => dot(frame, pattern));
  const length = Math.sqrt(dot(along, along));
  return along.map((value) => (length > 0 ? value / length : 0));
}

/** The sum of frames by weights. */
export function weightedSum(frames: readonly Float64Array[], weights: ArrayLike<number>): Float64Array {
  const sum = new Float64Array((frames[0] as Float64Array).length);
  frames.forEach((frame, t) => {
    for (let i = 0; i < sum.length; i++) (sum[i] as number) += (weights[t] as number) * (frame[i] as number);
  });
  return sum;
}

/** The first principal components of frames as unit vectors over time. */
export function principalComponents(frames: readonly Float64Array[]): number[][] {
  const every = Math.ceil(frames.length / SAMPLED);
  const sample = frames.filter((_, t) => t % every === 0);
  const gram = new Matrix(sample.length, sample.length);
  sample.forEach((a, i) => {
    for (let j = 0; j <= i; j++) {
      const product = dot(a, sample[j] as Float64Array);
      gram.set(i, j, product);
      gram.set(j, i, product);
    }
  });
  // Eigenvalues ascend.
  const { eigenvectorMatrix } = new EigenvalueDecomposition(gram, { assumeSymmetric: true });
  return Array.from({ length: COMPONENTS }, (_, k) =>
    course(frames, weightedSum(sample, eigenvectorMatrix.getColumn(sample.length - 1 - k))),
  );
}

/** The component that goes most with a course over time, up to sign, and its product with it. */
export function mostAlong(
  components: readonly number[][],
  over: ArrayLike<number>,
): { readonly component: number[]; readonly along: number } {
  return components
    .map((component) => ({ component, along: dot(component, over) }))
    .reduce((a, b) => (Math.abs(b.along) > Math.abs(a.along) ? b : a));
}

/** Multiple correlation of a course over time with components, which are unit vectors at right angles. */
export function accountedFor(components: readonly number[][], over: ArrayLike<number>): number {
  const along = components.map((component) => dot(component, over) ** 2).reduce((sum, square) => sum + square, 0);
  return Math.min(1, Math.sqrt(along / dot(over, over)));
}

/**
 * The size of the cavity over time: of the clip's principal motions the one that most changes the brightness of the
 * apical half of the cavity, where muscle replaces blood as the ventricle empties; brighter is smaller.
 */
export function cavityCurve({ frames }: MotionGrid): CavityCurve {
  const brightness = frames.map((frame) => dot(frame, regionWeights));
  const total = dot(brightness, brightness);
  const { component, along } = mostAlong(principalComponents(frames), brightness);
  return {
    size: Float64Array.from(component, (value) => -Math.sign(along) * value),
    brightening: total > 0 ? along ** 2 / total : 0,
  };
}
