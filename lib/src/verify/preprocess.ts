import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { preprocess, resizeImage, type Preprocessing, type Resample } from '../data/preprocess.js';
import { colourImage, type ColourImage } from '../files/image.js';
import type { OpenTensorSource } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { resize } from '../ops/resize.js';
import { attempt, withFile, type Replay } from './case_file.js';
import {
  comparisonOf,
  difference,
  forwardTolerance,
  inScope,
  shareBeyond,
  toNchw,
  type Difference,
} from './compare.js';

/** Grey levels that a resized pixel may be off, and the share of pixels that may be off from Pillow's at all. */
const pixelTolerance = 1;
const unequalShare = 1e-3;
/** Rounding of normalised values; more than this is another grey level. */
const rounding = 1e-5;

const file = 'preprocess.safetensors';

/** What the name of a golden tensor says: `u8.pil.0.42.bicubic`, `tv.0.42.bilinear.norm`, `noaa.0.42.bilinear.norm`. */
interface Golden {
  readonly name: string;
  readonly backend: 'pil' | 'tv' | 'noaa';
  readonly image: string;
  readonly resample: Resample;
  /** Undefined for the resized bytes themselves. */
  readonly normalised: boolean | undefined;
}

function parseName(name: string): Golden | undefined {
  const found = /^(u8\.)?(pil|tv|noaa)\.(\d+)\..+?\.(bilinear|bicubic)(?:\.(norm|nonorm))?$/.exec(name);
  if (found === null || (found[1] === undefined) === (found[5] === undefined)) return undefined;
  return {
    name,
    backend: found[2] as Golden['backend'],
    image: `image.${found[3]}`,
    resample: found[4] as Resample,
    normalised: found[5] === undefined ? undefined : found[5] === 'norm',
  };
}

function readImage(source: OpenTensorSource, name: string): ColourImage {
  const [height = 0, width = 0, channels] = source.shapeOf(name);
  if (channels === 3 && source.dtypeOf(name) === 'U8') return colourImage(height, width, source.bytes(name));
  const got = `${source.dtypeOf(name)} [${source.shapeOf(name).join(', ')}]`;
  throw new BadInput({ where: `${source.where}, entry ${name}`, expected: 'bytes of shape [H, W, 3]', got });
}

/** Both at once: how far the worst value is off, and how many are. */
function closeAndMostlyEqual(
  golden: Golden,
  values: ArrayLike<number>,
  expected: Float32Array,
  shape: readonly number[],
  allowed: { readonly off: number; readonly equal: number },
): Difference[] {
  const close = difference(golden.name, { values, expected, shape }, allowed.off);
  const mostly = shareBeyond(golden.name, { values, expected, shape }, allowed.equal, unequalShare);
  // torchvision's own fixed-point weights differ from Pillow's in more pixels than that.
  return golden.backend === 'pil' ? [close, mostly] : [close];
}

function differencesOf(golden: Golden, image: ColourImage, source: OpenTensorSource): Difference[] {
  const shape = source.shapeOf(golden.name);
  const expected = source.read(golden.name);
  const [, height = 0, width = 0] = shape;
  const { resample, normalised } = golden;
  if (normalised === undefined) {
    const planes = image.planes.map((plane) => resizeImage(plane, height, width, resample).data);
    const values = new Float32Array(planes.flatMap((plane) => [...plane]));
    return closeAndMostlyEqual(golden, values, expected, shape, { off: pixelTolerance, equal: 0 });
  }
  const [mean, std] = normalised ? [0.5, 0.5] : [0, 1];
  const size = golden.backend === 'noaa' ? image.planes[0] : { height, width };
  const config: Preprocessing = {
    height: size.height,
    width: size.width,
    resample,
    rescale_factor: 1 / 255,
    mean: [mean, mean, mean],
    std: [std, std, std],
  };
  return inScope(() => {
    const images = preprocess([image], config);
    const resized = golden.backend === 'noaa' ? resize(images, [height, width], resample) : images;
    const values = tf.squeeze(toNchw(resized), [0]).dataSync();
    if (golden.backend === 'noaa') return [difference(golden.name, { values, expected, shape }, forwardTolerance)];
    const off = pixelTolerance / 255 / std + rounding;
    return closeAndMostlyEqual(golden, values, expected, shape, { off, equal: rounding });
  });
}

/** Resized and normalised images against those of Pillow and torchvision (SiglipImageProcessor and its Pil sibling). */
export const replayPreprocess: Replay = (folder, name) => [
  attempt(`${name}/${file}`, () =>
    withFile(join(folder, file), (source) => {
      const goldens = [...source.names()].flatMap((tensor) => parseName(tensor) ?? []);
      const differences = goldens.flatMap((golden) => differencesOf(golden, readImage(source, golden.image), source));
      return comparisonOf(`${name}/${file}`, differences, goldens.length);
    }),
  ),
];
