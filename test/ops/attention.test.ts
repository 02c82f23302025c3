import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { causalMask, groupedQueryAttention } from 'gemma-3ncore/ops/attention';
import { assertClose, assertNoLeak } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

const [B, N, h, g, d] = [2, 5, 6, 3, 4] as const;
const memory = (): tf.MemoryInfo => tf.memory();
const random = (heads: number, seed: number): tf.Tensor4D =>
  tf.randomNormal([B, N, heads, d], 0, 1, 'float32', seed) as tf.Tensor4D;

/** Head by head, query by query: head j attends to the keys of group ⌊j / (h/g)⌋ that `sees` allows. */
function expected(
  q: number[][][][],
  k: number[][][][],
  v: number[][][][],
  sees: (b: number, i: number, j: number) => boolean,
) {
  return q.map((queries, b) =>
    queries.map((heads, i) =>
      heads.flatMap((query, head) => {
        const group = Math.floor(head / (h / g));
        const seen = queries.map((_, j) => j).filter((j) => sees(b, i, j));
        const scores = seen.map((j) => query.reduce((sum, x, c) => sum + x * k[b]![j]![group]![c]!, 0));
        const weights = scores.map(Math.exp);
        const total = weights.reduce((sum, w) => sum + w, 0);
        return query.map((_, c) => seen.reduce((sum, j, n) => sum + (weights[n]! / total) * v[b]![j]![group]![c]!, 0));
      }),
    ),
  );
}

describe('ops/attention', () => {
  useEngine();

  it('lets a token attend to itself, to those before it within the window, and never to padding', () => {
    const rows = (mask: tf.Tensor4D): string[] =>
      (tf.reshape(mask, [-1, N]).arraySync() as number[][]).map((row) =>
        row.map((x) => (x === 0 ? '1' : '.')).join(''),
      );
    tf.tidy(() => {
      assert.deepEqual(rows(causalMask(N)), ['1....', '11...', '111..', '1111.', '11111']);
      assert.deepEqual(rows(causalMask(N, 2)), ['1....', '11...', '.11..', '..11.', '...11']);
      const padding = tf.tensor2d([1, 1, 1, 1, 1, 0, 0, 1, 1, 1], [2, N]);
      assert.deepEqual(rows(causalMask(N, 3, padding)).slice(N), ['.....', '.....', '..1..', '..11.', '..111']);
    });
    assertNoLeak(memory, () => causalMask(N, 2).dispose());
  });

  it('gives every group of query heads its own keys and values, without scaling', () => {
    const [q, k, v] = [random(h, 1), random(g, 2), random(g, 3)];
    const padding = tf.tensor2d([1, 1, 1, 1, 1, 1, 1, 1, 0, 0], [B, N]);
    const mask = causalMask(N, 3, padding);
    assertNoLeak(memory, () => {
      const y = groupedQueryAttention(q, k, v, mask);
      const sees = (b: number, i: number, j: number): boolean => j <= i && j > i - 3 && !(b === 1 && j > 2);
      const values = expected(q.arraySync(), k.arraySync(), v.arraySync(), sees).flat(2);
      assert.deepEqual(y.shape, [B, N, h * d]);
      // float32 sums of five terms of size 1.
      assertClose(y.dataSync(), values, 1e-5);
      y.dispose();
    });
    tf.dispose([q, k, v, padding, mask]);
  });
});
