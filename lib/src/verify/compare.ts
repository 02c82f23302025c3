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

interface Difference {
  readonly worst: number;
  readonly tolerance: number;
  readonly where: string;
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

function difference(name: string, actual: tf.Tensor, file: OpenTensorSource): Difference {
  const shape = file.shapeOf(name);
  if (actual.shape.join() !== shape.join()) {
    const where = `${name}: expected shape [${shape.join(', ')}], got [${actual.shape.join(', ')}]`;
    return { worst: Infinity, tolerance: forwardTolerance, where };
  }
  const expected = file.read(name);
  const values = actual.dataSync();
  let [worst, at, scale] = [0, 0, 1];
  for (let i = 0; i < expected.length; i++) {
    const wanted = expected[i] as number;
    const delta = Math.abs((values[i] as number) - wanted);
    if (Number.isFinite(wanted)) scale = Math.max(scale, Math.abs(wanted));
    // Written so that NaN counts as the worst.
    if (!(delta <= worst)) [worst, at] = [Number.isNaN(delta) ? Infinity : delta, i];
  }
  return { worst, tolerance: forwardTolerance * scale, where: `${name} ${indexOf(at, shape)}` };
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
    return inScope(() => difference(tensor, toNchw(found), file));
  });
  const [worst] = differences.sort((a, b) => b.worst / b.tolerance - a.worst / a.tolerance);
  if (worst === undefined) return failure(name, 'nothing to compare');
  return { name, passed: worst.worst <= worst.tolerance, ...worst, tensors: differences.length };
}

/** A case that could not be compared, and why. */
export function failure(name: string, why: string): Comparison {
  return { name, passed: false, worst: null, tolerance: null, where: why, tensors: 0 };
}
