import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findCycle } from 'gemma-3ncore/data/cycle';
import { cavityCurve } from 'gemma-3ncore/data/cavity_curve';
import { motionGrid } from 'gemma-3ncore/data/motion_grid';
import type { GreyImage } from 'gemma-3ncore/data/study';
import { BadInput } from 'gemma-3ncore/host/errors';
import { Random, rootKey } from 'gemma-3ncore/tree/random';
import { framesOff, phantomClips } from '../support/phantom_clip.js';

const clips = phantomClips(8104, 5);
const { frames, fps } = clips[0]!;
const found = findCycle(frames, fps);

const mapped = (change: (image: GreyImage) => Uint8Array): GreyImage[] =>
  frames.map((image) => ({ ...image, data: change(image) }));

describe('findCycle', () => {
  it('finds ED and ES of phantoms, ES after ED, and is sure of them', () => {
    for (const clip of clips) {
      const { edFrame, esFrame, sure, curve } = findCycle(clip.frames, clip.fps);
      assert.ok(edFrame < esFrame && curve.length === clip.frames.length);
      // 3 frames are 60 ms; the medians are asserted on more phantoms in cycle.slow
      assert.ok(framesOff(edFrame, clip.ED) <= 3, `${clip.study.name}: ED ${edFrame}`);
      assert.ok(framesOff(esFrame, clip.ES) <= 3, `${clip.study.name}: ES ${esFrame}`);
      assert.ok(sure, clip.study.name);
    }
  });

  it('does not depend on brightness, a mirror or a border around the picture', () => {
    const half = findCycle(
      mapped(({ data }) => data.map((value) => value >> 1)),
      fps,
    );
    const mirrored = findCycle(
      mapped(({ data, width }) => data.map((_, i) => data[i - (i % width) + width - 1 - (i % width)]!)),
      fps,
    );
    const bordered = frames.map(({ height, width, data }) => {
      const wide = new Uint8Array((height + 40) * (width + 30)).fill(90);
      for (let y = 0; y < height; y++)
        wide.set(data.subarray(y * width, (y + 1) * width), (y + 20) * (width + 30) + 15);
      return { height: height + 40, width: width + 30, data: wide };
    });
    // a frame for rounding to half the levels and for pixels that fall into another cell
    for (const other of [half, mirrored, findCycle(bordered, fps)]) {
      assert.ok(Math.abs(other.edFrame - found.edFrame) <= 1, `ED ${other.edFrame}`);
      assert.ok(Math.abs(other.esFrame - found.esFrame) <= 1, `ES ${other.esFrame}`);
    }
  });

  it('gives the same curve backwards for a clip played backwards', () => {
    const curve = (images: readonly GreyImage[]): Float64Array => cavityCurve(motionGrid(images, fps, 0.02)).size;
    const backwards = curve([...frames].reverse()).reverse();
    curve(frames).forEach((value, t) => assert.ok(Math.abs(value - backwards[t]!) < 1e-9));
  });

  it('finds the same moments when every frame is shown twice', () => {
    const twice = findCycle(
      frames.flatMap((image) => [image, image]),
      2 * fps,
    );
    assert.ok(Math.abs(twice.edFrame / 2 - found.edFrame) <= 1);
    assert.ok(Math.abs(twice.esFrame / 2 - found.esFrame) <= 1.5);
  });

  it('is not sure of frames out of order', () => {
    const order = new Random(rootKey(4));
    for (const clip of clips) {
      const keyed = clip.frames.map((image) => ({ image, key: order.uniform() })).sort((a, b) => a.key - b.key);
      const { confidence, sure } = findCycle(
        keyed.map(({ image }) => image),
        clip.fps,
      );
      assert.ok(!sure, `${clip.study.name}: confidence ${confidence}`);
    }
  });

  it('is not sure of an end-diastole with which the clip begins', () => {
    const cut = findCycle(frames.slice(found.edFrame, found.esFrame + 10), fps);
    assert.ok(!cut.sure && cut.doubts.includes('ED or ES is where the clip begins or ends'));
  });

  it('is not sure of noise', () => {
    const random = new Random(rootKey(3));
    for (let attempt = 0; attempt < 3; attempt++) {
      const noise = mapped(({ data }) => data.map(() => random.integer(255)));
      const { confidence, sure, doubts } = findCycle(noise, fps);
      assert.ok(!sure && doubts.length > 0, `confidence ${confidence}`);
    }
  });

  it('refuses clips that are still, too short, without a frame rate or of several sizes', () => {
    const small = { height: 1, width: 1, data: new Uint8Array(1) };
    const refused: [readonly GreyImage[], number, RegExp][] = [
      [frames.map(() => frames[0]!), fps, /no systole is seen/],
      [frames.map(() => ({ ...frames[0]!, data: new Uint8Array(frames[0]!.data.length) })), fps, /no systole is seen/],
      [frames.slice(0, 10), fps, /at least 0.4 s to find ED and ES in, got 10 frames/],
      [[], fps, /got 0 frames/],
      [frames, Number.NaN, /at least 10 frames a second to find ED and ES, got NaN/],
      [frames.slice(0, 2), 5, /at least 10 frames a second/],
      [[...frames, small], fps, /frames of one size, 112×112, got 1×1/],
    ];
    for (const [images, rate, message] of refused) {
      assert.throws(
        () => findCycle(images, rate, 'a.avi'),
        (error) => error instanceof BadInput && message.test(error.message) && error.message.startsWith('a.avi: '),
      );
    }
  });
});
