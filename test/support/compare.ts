import assert from 'node:assert/strict';
import type * as tf from '@tensorflow/tfjs';

/** max |actual − expected|. */
export function maxAbsDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  assert.equal(actual.length, expected.length, 'lengths differ');
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    const difference = Math.abs((actual[i] as number) - (expected[i] as number));
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

/** Asserts max |actual − expected| ≤ tolerance · max(1, max |expected|), the rule of goldens/README.md; NaN fails. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what = '',
): void {
  const scale = Array.from(expected).reduce((m, v) => Math.max(m, Math.abs(v)), 1);
  const worst = maxAbsDifference(actual, expected);
  assert.ok(worst <= tolerance * scale, `${what} differs by ${worst}, allowed ${tolerance * scale}`);
}

/** Asserts that a function leaves the number of tensors as it found it. */
export function assertNoLeak(memory: () => tf.MemoryInfo, work: () => void): void {
  const before = memory().numTensors;
  work();
  assert.equal(memory().numTensors, before, 'tensors leaked');
}
