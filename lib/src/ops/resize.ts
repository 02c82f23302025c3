import * as tf from '@tensorflow/tfjs';

/** A linear map along one axis: `weights` holds `to` rows of `from` values, row-major. */
export interface AxisMap {
  readonly from: number;
  readonly to: number;
  readonly weights: Float32Array;
}

export type ResizeMode = 'nearest' | 'bilinear' | 'bicubic';

/** An axis map whose row i is filled by `add(source, weight)`; weights of one source add up. */
export function axisMap(
  from: number,
  to: number,
  fill: (i: number, add: (source: number, weight: number) => void) => void,
): AxisMap {
  const weights = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const row = weights.subarray(i * from, (i + 1) * from);
    fill(i, (source, weight) => (row[source] = (row[source] ?? 0) + weight));
  }
  return { from, to, weights };
}

/** torch's nearest: source floor(i·from/to), computed in float32 as torch does. */
function nearest(from: number, to: number): AxisMap {
  const scale = Math.fround(from / to);
  return axisMap(from, to, (i, add) => add(Math.min(Math.floor(Math.fround(i * scale)), from - 1), 1));
}

/** Half-pixel bilinear without antialias (torch align_corners=False). */
function bilinear(from: number, to: number): AxisMap {
  return axisMap(from, to, (i, add) => {
    const source = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const left = Math.min(Math.floor(source), from - 1);
    const share = source - left;
    add(left, 1 - share);
    add(Math.min(left + 1, from - 1), share);
  });
}

/** Keys' cubic kernel with A = −0.75, the constant of torch's bicubic interpolation. */
function cubicKernel(distance: number): number {
  const a = -0.75;
  const t = Math.abs(distance);
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/** Half-pixel bicubic without antialias, borders repeated (torch align_corners=False). */
function bicubic(from: number, to: number): AxisMap {
  return axisMap(from, to, (i, add) => {
    const source = ((i + 0.5) * from) / to - 0.5;
    const left = Math.floor(source);
    for (let tap = left - 1; tap <= left + 2; tap++) {
      add(Math.min(Math.max(tap, 0), from - 1), cubicKernel(source - tap));
    }
  });
}

const maps: Readonly<Record<ResizeMode, (from: number, to: number) => AxisMap>> = { nearest, bilinear, bicubic };

function isIdentity({ from, to, weights }: AxisMap): boolean {
  return from === to && weights.every((w, k) => w === (k % (from + 1) === 0 ? 1 : 0));
}

/** The map as a stack of one matrix, which matMul repeats over the batch. */
function matrix({ from, to, weights }: AxisMap): tf.Tensor3D {
  return tf.tensor3d(weights, [1, to, from]);
}

/**
 * Applies a linear map to the height and one to the width: x `[B, H, W, C]`, result `[B, H', W', C]`, owned by the caller.
 * Being two matrix products it has its gradient on every engine.
 */
export function resample(x: tf.Tensor4D, height: AxisMap, width: AxisMap): tf.Tensor4D {
  const [B, H, W, C] = x.shape;
  if (H !== height.from || W !== width.from) {
    throw new Error(`resample: expected a map of ${height.from}×${width.from}, got ${H}×${W}`);
  }
  return tf.tidy(() => {
    let y: tf.Tensor = x;
    if (!isIdentity(height)) y = tf.matMul(matrix(height), tf.reshape(y, [B, H, W * C]));
    if (!isIdentity(width)) y = tf.matMul(matrix(width), tf.reshape(y, [B * height.to, W, C]));
    return tf.reshape(y, [B, height.to, width.to, C]);
  });
}

/**
 * torch.nn.functional.interpolate(size=[height, width], align_corners=False, antialias=False) of x `[B, H, W, C]`:
 * `[B, height, width, C]`, owned by the caller.
 */
export function resize(x: tf.Tensor4D, [height, width]: readonly [number, number], mode: ResizeMode): tf.Tensor4D {
  return resample(x, maps[mode](x.shape[1], height), maps[mode](x.shape[2], width));
}
