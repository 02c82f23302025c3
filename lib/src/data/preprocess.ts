import * as tf from '@tensorflow/tfjs';
import { planesOf, type GreyImage, type Image } from '../files/image.js';

/** Interpolation of a processor configuration: `resample` 2 is bilinear, 3 bicubic. */
export type Resample = 'bilinear' | 'bicubic';

/** What a vision tower's image processor does (its `preprocessor_config.json`). */
export interface Preprocessing {
  readonly height: number;
  readonly width: number;
  readonly resample: Resample;
  readonly rescale_factor: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

interface Filter {
  readonly support: number;
  weight(x: number): number;
}

const filters: Readonly<Record<Resample, Filter>> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: {
    support: 2,
    // Keys' cubic convolution with a = −0.5.
    weight: (x) => {
      const a = -0.5;
      const d = Math.abs(x);
      if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
      return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
    },
  },
};

/** Bits of the fixed-point weights: 8-bit values and two bits of headroom in 32 (Pillow, src/libImaging/Resample.c). */
const precisionBits = 22;

/** For each output position the first input position and the fixed-point weights of those from there on. */
interface Taps {
  readonly first: Int32Array;
  readonly weights: readonly Int32Array[];
}

/** Weights with antialiasing: when shrinking the filter grows with the scale (Pillow's precompute_coeffs). */
function tapsOf(input: number, output: number, filter: Filter): Taps {
  const scale = input / output;
  const stretch = Math.max(1, scale);
  const support = filter.support * stretch;
  const first = new Int32Array(output);
  const weights = Array.from({ length: output }, (_, position) => {
    const centre = (position + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - support + 0.5));
    const to = Math.min(input, Math.trunc(centre + support + 0.5));
    const values = Array.from({ length: to - from }, (__, i) => filter.weight((i + from - centre + 0.5) / stretch));
    const sum = values.reduce((total, value) => total + value, 0);
    first[position] = from;
    return Int32Array.from(values, (value) => {
      const fixed = (value / sum) * (1 << precisionBits);
      return Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    });
  });
  return { first, weights };
}

/** One pass along an axis; each value rounded and clipped to 8 bits. `step` separates neighbours, `line` the lines. */
function pass(source: Uint8Array, taps: Taps, target: Uint8Array, lines: number, strides: PassStrides): void {
  const { step, sourceLine, targetLine } = strides;
  taps.weights.forEach((weights, position) => {
    const start = (taps.first[position] as number) * step;
    for (let line = 0; line < lines; line++) {
      let sum = 1 << (precisionBits - 1);
      let at = line * sourceLine + start;
      for (let i = 0; i < weights.length; i++, at += step) sum += (source[at] as number) * (weights[i] as number);
      target[line * targetLine + position * step] = Math.min(255, Math.max(0, sum >> precisionBits));
    }
  });
}

interface PassStrides {
  readonly step: number;
  readonly sourceLine: number;
  readonly targetLine: number;
}

/**
 * Resizes an 8-bit image or plane with antialiasing as Pillow ≤ 12 and torchvision do: horizontally, then vertically, each
 * pass rounded to 8 bits; the aspect ratio is not kept. (Pillow 13 goes vertically first for some portrait inputs.)
 */
export function resizeImage(image: GreyImage, height: number, width: number, resample: Resample): GreyImage {
  const filter = filters[resample];
  const wide = new Uint8Array(image.height * width);
  const across = { step: 1, sourceLine: image.width, targetLine: width };
  pass(image.data, tapsOf(image.width, width, filter), wide, image.height, across);
  const data = new Uint8Array(height * width);
  pass(wide, tapsOf(image.height, height, filter), data, width, { step: width, sourceLine: 1, targetLine: 1 });
  return { height, width, data };
}

/**
 * Images as a vision tower wants them: resized, grey repeated in three channels, (x · rescale_factor − mean)/std;
 * `[B, H, W, 3]`, owned by the caller. As SiglipImageProcessor (transformers), which goes to RGB first.
 */
export function preprocess(images: readonly Image[], config: Preprocessing): tf.Tensor4D {
  const { height, width, resample, rescale_factor, mean, std } = config;
  const pixels = height * width;
  const values = new Float32Array(images.length * pixels * 3);
  const tables = [0, 1, 2].map((channel) =>
    Float32Array.from({ length: 256 }, (_, x) => (x * rescale_factor - (mean[channel] ?? 0)) / (std[channel] ?? 1)),
  );
  images.forEach((image, b) => {
    const planes = planesOf(image).map((plane) => resizeImage(plane, height, width, resample).data);
    tables.forEach((table, channel) => {
      const plane = planes[channel % planes.length] as Uint8Array;
      let at = b * pixels * 3 + channel;
      for (let i = 0; i < pixels; i++, at += 3) values[at] = table[plane[i] as number] as number;
    });
  });
  return tf.tensor4d(values, [images.length, height, width, 3]);
}
