import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { augmentPair, changesFrames } from 'gemma-3ncore/data/augment';
import type { GreyImage } from 'gemma-3ncore/files/image';
import { fold, rootKey } from 'gemma-3ncore/tree/random';

const size = 40;
const none = { gain: 0, speckle: 0, shadow: 0 };

/** Grey 100, the first row black. */
const flat: GreyImage = {
  height: size,
  width: size,
  data: Uint8Array.from({ length: size * size }, (_, i) => (i < size ? 0 : 100)),
};
const pair = { ED: flat, ES: flat };
const keys = Array.from({ length: 200 }, (_, i) => fold(rootKey(1), i));

/** The grey levels of a frame below its black row. */
const greys = ({ data }: GreyImage): number[] => [...data.subarray(size)];

describe('data/augment', () => {
  it('changes nothing when all is 0', () => {
    assert.equal(changesFrames(none), false);
    assert.deepEqual(augmentPair(pair, none, keys[0]!), pair);
  });

  it('gives the same frames for the same key, others for another, and keeps black', () => {
    const all = { gain: 0.1, speckle: 0.2, shadow: 0.5 };
    assert.ok(changesFrames(all));
    const first = augmentPair(pair, all, keys[0]!);
    assert.deepEqual(augmentPair(pair, all, keys[0]!), first);
    assert.notDeepEqual(augmentPair(pair, all, keys[1]!), first);
    assert.ok(first.ED.data.subarray(0, size).every((grey) => grey === 0));
    assert.deepEqual(flat.data[size], 100);
  });

  it('shifts both frames by one gain within its bounds', () => {
    const shifts = keys.map((key) => {
      const { ED, ES } = augmentPair(pair, { ...none, gain: 0.1 }, key);
      assert.deepEqual(ED, ES);
      assert.equal(new Set(greys(ED)).size, 1);
      return greys(ED)[0]! - 100;
    });
    // ±25.5 grey levels, uniform: a mean of 0 ± 14.7/√200 (three standard errors: 3.2).
    assert.ok(shifts.every((shift) => Math.abs(shift) <= 26));
    assert.ok(Math.max(...shifts) > 20 && Math.min(...shifts) < -20);
    assert.ok(Math.abs(shifts.reduce((a, b) => a + b, 0) / shifts.length) < 3.2);
  });

  it('adds speckle of the given deviation, another in each frame', () => {
    const { ED, ES } = augmentPair(pair, { ...none, speckle: 0.1 }, keys[0]!);
    assert.notDeepEqual(ED, ES);
    const values = greys(ED).map((grey) => grey / 100 - 1);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length);
    // 1560 pixels: three standard errors are 0.0076 of the mean and 0.0054 of the deviation.
    assert.ok(Math.abs(mean) < 0.0076 && Math.abs(deviation - 0.1) < 0.0054, `${mean} ± ${deviation}`);
  });

  it('casts one shadow from the probe in about every other study', () => {
    const shadowed = keys
      .map((key) => augmentPair(pair, { ...none, shadow: 0.6 }, key))
      .filter(({ ED }) => greys(ED).some((grey) => grey !== 100));
    // 200 coins: 100 ± 3 · 7.
    assert.ok(Math.abs(shadowed.length - 100) <= 21, String(shadowed.length));
    for (const { ED, ES } of shadowed) {
      assert.deepEqual(ED, ES);
      assert.deepEqual([...new Set(greys(ED))].sort(), [100, 40]);
      assert.ok(greys(ED).filter((grey) => grey === 40).length < greys(ED).length / 2);
    }
  });
});
