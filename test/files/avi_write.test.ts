import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decode } from 'jpeg-js';
import { encodeMjpegAvi } from 'gemma-3ncore/files/avi_write';
import { encodeGreyJpeg } from 'gemma-3ncore/files/jpeg_grey';
import { Random, rootKey } from 'gemma-3ncore/tree/random';
import { aviFrames, greyOf } from '../support/riff.js';

/** A smooth picture with a little noise, as ultrasound is. */
function picture(width: number, height: number, seed: number): Uint8Array {
  const random = new Random(rootKey(seed));
  return Uint8Array.from({ length: width * height }, (_, at) => {
    const smooth = 120 + 80 * Math.sin((at % width) / 9 + seed) * Math.cos(Math.floor(at / width) / 7);
    return Math.min(255, Math.max(0, smooth + 6 * random.normal()));
  });
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((sum, v, i) => sum + Math.abs(v - (b[i] as number)), 0) / a.length;
}

describe('files/jpeg_grey', () => {
  for (const [width, height] of [
    [112, 112],
    [48, 32],
    [61, 45],
  ] as const) {
    it(`is decoded to the picture it was made of, ${width}×${height}`, () => {
      const grey = picture(width, height, width);
      const decoded = decode(encodeGreyJpeg(grey, width, height, 95), { useTArray: true });
      assert.deepEqual([decoded.width, decoded.height], [width, height]);
      // the coarsest step of the tables at quality 95 is 12 grey levels in a single high frequency
      assert.ok(meanDifference(greyOf(decoded.data), grey) < 2);
    });
  }

  it('keeps grey grey and flat areas exact', () => {
    const grey = new Uint8Array(32 * 32).fill(77);
    const { data } = decode(encodeGreyJpeg(grey, 32, 32, 100), { useTArray: true });
    for (let i = 0; i < data.length; i += 4) assert.deepEqual([...data.subarray(i, i + 3)], [77, 77, 77]);
  });

  it('takes fewer bytes at lower quality', () => {
    const grey = picture(64, 64, 3);
    const [low, high] = [40, 95].map((quality) => encodeGreyJpeg(grey, 64, 64, quality).length) as [number, number];
    assert.ok(low < 0.6 * high, `${low} and ${high} bytes`);
  });

  it('codes the extremes of black and white', () => {
    const grey = Uint8Array.from({ length: 256 }, (_, at) => (((at >> 4) + at) & 1) * 255);
    const decoded = decode(encodeGreyJpeg(grey, 16, 16, 100), { useTArray: true });
    assert.ok(meanDifference(greyOf(decoded.data), grey) < 1);
  });
});

describe('files/avi_write', () => {
  it('holds the frames in order, indexed, with size and rate in the header', () => {
    const frames = [picture(32, 32, 1), picture(32, 32, 2), picture(32, 32, 3)];
    const avi = aviFrames(encodeMjpegAvi({ width: 32, height: 32, fps: 49.5, frames, quality: 95 }));
    assert.deepEqual([avi.width, avi.height, avi.fps], [32, 32, 49.5]);
    assert.equal(avi.frames.length, 3);
    avi.frames.forEach((frame, i) => assert.ok(meanDifference(frame, frames[i] as Uint8Array) < 2));
  });
});
