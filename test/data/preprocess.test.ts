import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { preprocess, resizeImage, type Preprocessing, type Resample } from 'gemma-3ncore/data/preprocess';
import type { GreyImage } from 'gemma-3ncore/data/study';
import { colourImage } from 'gemma-3ncore/files/image';
import { projectPath } from 'gemma-3ncore/host/places';
import { maxAbsDifference } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

/** The entries of the golden file; of images `[H, W, 3]`, of results `[3, H, W]`. */
const file = readFileSync(projectPath('test', 'goldens', 'preprocess', 'preprocess.safetensors'));
const headerLength = Number(file.readBigUInt64LE(0));
const header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<
  string,
  { shape: [number, number, number]; data_offsets: [number, number] }
>;

function bytesOf(name: string): { bytes: Buffer; shape: [number, number, number] } {
  const entry = header[name];
  assert.ok(entry, `golden entry ${name}`);
  const [from, to] = entry.data_offsets;
  return { bytes: Buffer.from(file.subarray(8 + headerLength + from, 8 + headerLength + to)), shape: entry.shape };
}

/** One channel of a golden image. */
function channelOf(image: number, channel: number): GreyImage {
  const { bytes, shape } = bytesOf(`image.${image}`);
  const [height, width, channels] = shape;
  return { height, width, data: Uint8Array.from({ length: height * width }, (_, i) => bytes[i * channels + channel]!) };
}

/** The same channel of a golden result. */
function planeOf(values: ArrayLike<number>, channel: number): number[] {
  const size = values.length / 3;
  return Array.from({ length: size }, (_, i) => values[channel * size + i]!);
}

const cases = [0, 1, 2].flatMap((image) =>
  [28, 42].flatMap((size) => (['bilinear', 'bicubic'] as const).map((resample) => ({ image, size, resample }))),
);

describe('data/preprocess', () => {
  useEngine();

  it('resizes to the very bytes of Pillow', () => {
    for (const { image, size, resample } of cases) {
      const { bytes } = bytesOf(`u8.pil.${image}.${size}.${resample}`);
      for (const channel of [0, 1, 2]) {
        const resized = resizeImage(channelOf(image, channel), size, size, resample);
        assert.deepEqual([...resized.data], planeOf(bytes, channel), `image ${image} to ${size}, ${resample}`);
      }
    }
  });

  it('is within one grey level of torchvision', () => {
    for (const { image, size, resample } of cases) {
      const name = `u8.tv.${image}.${size}.${resample}`;
      if (header[name] === undefined) continue;
      const { bytes } = bytesOf(name);
      for (const channel of [0, 1, 2]) {
        const resized = resizeImage(channelOf(image, channel), size, size, resample);
        assert.ok(maxAbsDifference(resized.data, planeOf(bytes, channel)) <= 1, name);
      }
    }
  });

  it("gives the processors' values, the grey in all three channels", () => {
    const configOf = (size: number, resample: Resample, normalise: boolean): Preprocessing => ({
      height: size,
      width: size,
      resample,
      rescale_factor: 1 / 255,
      mean: normalise ? [0.5, 0.5, 0.5] : [0, 0, 0],
      std: normalise ? [0.5, 0.5, 0.5] : [1, 1, 1],
    });
    for (const resample of ['bilinear', 'bicubic'] as const) {
      for (const kind of ['norm', 'nonorm'] as const) {
        const { bytes } = bytesOf(`pil.0.42.${resample}.${kind}`);
        const expected = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
        const result = preprocess([channelOf(0, 0), channelOf(0, 1)], configOf(42, resample, kind === 'norm'));
        assert.deepEqual(result.shape, [2, 42, 42, 3]);
        const values = result.dataSync();
        for (const image of [0, 1]) {
          for (const channel of [0, 1, 2]) {
            const plane = Float32Array.from(
              { length: 42 * 42 },
              (_, i) => values[(image * 42 * 42 + i) * 3 + channel]!,
            );
            // The order of the float operations differs: a few units in the last place.
            assert.ok(maxAbsDifference(plane, planeOf(expected, image)) <= 5e-7, `${resample} ${kind}`);
          }
        }
        result.dispose();
      }
    }
  });

  it('takes colour images, each channel with its own mean and std', () => {
    const { bytes, shape } = bytesOf('image.1');
    const colour = colourImage(shape[0], shape[1], bytes);
    const config: Preprocessing = {
      height: 28,
      width: 42,
      resample: 'bicubic',
      rescale_factor: 1 / 255,
      mean: [0.1, 0.2, 0.3],
      std: [0.5, 0.6, 0.7],
    };
    const result = preprocess([colour, channelOf(1, 0)], config);
    const values = result.dataSync();
    for (const channel of [0, 1, 2]) {
      const of = (image: number) =>
        Float32Array.from({ length: 28 * 42 }, (_, i) => values[(image * 28 * 42 + i) * 3 + channel]!);
      const normalised = (source: number) =>
        [...resizeImage(channelOf(1, source), 28, 42, 'bicubic').data].map(
          (x) => (x / 255 - config.mean[channel]!) / config.std[channel]!,
        );
      assert.ok(maxAbsDifference(of(0), normalised(channel)) <= 5e-7);
      assert.ok(maxAbsDifference(of(1), normalised(0)) <= 5e-7);
    }
    result.dispose();
  });

  it('gives its tensor to the caller and leaves no other', () => {
    const before = tf.memory().numTensors;
    const image: GreyImage = { height: 2, width: 3, data: Uint8Array.of(0, 50, 100, 150, 200, 255) };
    const config: Preprocessing = {
      height: 4,
      width: 4,
      resample: 'bicubic',
      rescale_factor: 0.00392156862,
      mean: [0.5, 0.4, 0.3],
      std: [0.5, 0.6, 0.7],
    };
    const result = preprocess([image], config);
    assert.equal(tf.memory().numTensors, before + 1);
    result.dispose();
  });

  it('keeps a constant image constant and does nothing at the same size', () => {
    const flat: GreyImage = { height: 7, width: 5, data: new Uint8Array(35).fill(137) };
    assert.ok(resizeImage(flat, 31, 2, 'bicubic').data.every((value) => value === 137));
    const image = channelOf(2, 1);
    assert.deepEqual(resizeImage(image, image.height, image.width, 'bicubic').data, image.data);
  });
});
