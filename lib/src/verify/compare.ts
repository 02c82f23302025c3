import * as tf from '@tensorflow/tfjs';
import type { OpenTensorSource } from '../files/safetensors.js';

/** Forward passes: max |Δ| ≤ 1e-4 · max(1, max |expected|). */
export const forwardTolerance = 1e-4;

/** How one file of a golden case compares. */
export interface Comparison {
  /** Case and file, e.g. `mobilenetv5/m1/case0.safetensors`. */
  readonly name: string;
  readonly passed: boolean;
  /** Largest |Δ| of the tensor nearest to (or farthest beyond) its tolerance; null when nothing could be compared. */
  readonly worst: number | null;
  /** What |Δ| is allowed there. */
  readonly tolerance: number | null;
  /** The tensor and the index in it where the largest |Δ| stands. */
  readonly where: string;
  /** Tensors compared. */
  readonly tensors: number;
}

/** How far one tensor is off, and by how much it may be. */
export interface Difference {
  readonly worst: number;
  readonly tolerance: number;
  readonly where: string;
}

/** Values beside those expected, both in the order of `shape`. */
export interface Values {
  readonly values: ArrayLike<number>;
  readonly expected: Float32Array;
  readonly shape: readonly number[];
}

/** tf.tidy for work whose result is no tensor. */
export function inScope<T>(work: () => T): T {
  tf.engine().startScope();
  try {
    return work();
  } finally {
    tf.engine().endScope();
  }
}

/** A tensor as the reference stores it: `[B, H, W, C]` becomes NCHW. */
export function toNchw(x: tf.Tensor): tf.Tensor {
  return x.rank === 4 ? tf.transpose(x, [0, 3, 1, 2]) : x;
}

/** An NCHW tensor of a golden file as NHWC, owned by the caller. */
export function readNhwc(file: OpenTensorSource, name: string): tf.Tensor4D {
  const shape = file.shapeOf(name) as [number, number, number, number];
  return tf.tidy(() => tf.transpose(tf.tensor4d(file.read(name), shape), [0, 2, 3, 1]));
}

function indexOf(flat: number, shape: readonly number[]): string {
  const index = [...shape].reverse().map((n) => {
    const i = flat % n;
    flat = Math.floor(flat / n);
    return i;
  });
  return `[${index.reverse().join(', ')}]`;
}

/** The largest |Δ| of a tensor, allowed to be `tolerance`. */
export function difference(name: string, { values, expected, shape }: Values, tolerance: number): Difference {
  let [worst, at] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const delta = Math.abs((values[i] as number) - (expected[i] as number));
    // Written so that NaN counts as the worst.
    if (!(delta <= worst)) [worst, at] = [Number.isNaN(delta) ? Infinity : delta, i];
  }
  return { worst, tolerance, where: `${name} ${indexOf(at, shape)}` };
}

/** The share of values that are more than `equal` off, allowed to be `tolerance`. */
export function shareBeyond(name: string, { values, expected }: Values, equal: number, tolerance: number): Difference {
  let beyond = 0;
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs((values[i] as number) - (expected[i] as number)) <= equal)) beyond += 1;
  }
  return { worst: beyond / expected.length, tolerance, where: `${name}, share of unequal values` };
}

function forwardDifference(name: string, actual: tf.Tensor, file: OpenTensorSource): Difference {
  const shape = file.shapeOf(name);
  if (actual.shape.join() !== shape.join()) {
    const where = `${name}: expected shape [${shape.join(', ')}], got [${actual.shape.join(', ')}]`;
    return { worst: Infinity, tolerance: forwardTolerance, where };
  }
  const expected = file.read(name);
  const scale = expected.reduce(
    (most, wanted) => (Number.isFinite(wanted) ? Math.max(most, Math.abs(wanted)) : most),
    1,
  );
  return difference(name, { values: actual.dataSync(), expected, shape }, forwardTolerance * scale);
}

/** The comparison that the tensor nearest to (or farthest beyond) its tolerance decides. */
export function comparisonOf(name: string, differences: readonly Difference[], tensors: number): Comparison {
  const ratio = ({ worst, tolerance }: Difference): number => (worst === 0 ? 0 : worst / tolerance);
  const [worst] = [...differences].sort((a, b) => ratio(b) - ratio(a));
  if (worst === undefined) return failure(name, 'nothing to compare');
  return { name, passed: worst.worst <= worst.tolerance, ...worst, tensors };
}

/** Compares tensors by name with those of a file, which are stored as the reference made them (maps NCHW). */
export function compare(
  name: string,
  file: OpenTensorSource,
  expected: readonly string[],
  actual: Readonly<Record<string, tf.Tensor>>,
): Comparison {
  const differences = expected.map((tensor): Difference => {
    const found = actual[tensor];
    if (found === undefined) return { worst: Infinity, tolerance: forwardTolerance, where: `${tensor}: not computed` };
    return inScope(() => forwardDifference(tensor, toNchw(found), file));
  });
  return comparisonOf(name, differences, differences.length);
}

/** A case that could not be compared, and why. */
export function failure(name: string, why: string): Comparison {
  return { name, passed: false, worst: null, tolerance: null, where: why, tensors: 0 };
}
