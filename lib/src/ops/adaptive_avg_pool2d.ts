import type * as tf from '@tensorflow/tfjs';
import { axisMap, resample, type AxisMap } from './resize.js';

/** Bin i averages the sources floor(i·from/to) … ceil((i+1)·from/to) − 1; bins overlap unless `to` divides `from`. */
function averages(from: number, to: number): AxisMap {
  return axisMap(from, to, (i, add) => {
    const begin = Math.floor((i * from) / to);
    const end = Math.ceil(((i + 1) * from) / to);
    for (let source = begin; source < end; source++) add(source, 1 / (end - begin));
  });
}

/**
 * torch.nn.AdaptiveAvgPool2d, also where the grid is finer than the map: x `[B, H, W, C]`, result `[B, h, w, C]`,
 * owned by the caller.
 */
export function adaptiveAvgPool2d(x: tf.Tensor4D, [height, width]: readonly [number, number]): tf.Tensor4D {
  return resample(x, averages(x.shape[1], height), averages(x.shape[2], width));
}
