import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { adaptiveAvgPool2d } from 'gemma-3ncore/ops/adaptive_avg_pool2d';
import { attention, multiHeadAttention, multiQueryAttention } from 'gemma-3ncore/ops/attention';
import { resize } from 'gemma-3ncore/ops/resize';
import { assertClose, assertNoLeak } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

/** Deterministic values in about ±1. */
function wave(n: number, phase: number): number[] {
  return Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + phase));
}

/** The definition in double precision: mean over the bin [floor(i·n/m), ceil((i+1)·n/m)). */
function poolByBins(x: number[], [H, W]: [number, number], [h, w]: [number, number]): number[] {
  return Array.from({ length: h * w }, (_, k) => {
    const [i, j] = [Math.floor(k / w), k % w];
    const values: number[] = [];
    for (let r = Math.floor((i * H) / h); r < Math.ceil(((i + 1) * H) / h); r++) {
      for (let c = Math.floor((j * W) / w); c < Math.ceil(((j + 1) * W) / w); c++) values.push(x[r * W + c]!);
    }
    return values.reduce((sum, v) => sum + v, 0) / values.length;
  });
}

const sizes: [[number, number], [number, number]][] = [
  [
    [7, 5],
    [3, 2],
  ],
  [
    [1, 9],
    [1, 4],
  ],
  [
    [2, 3],
    [5, 7],
  ],
  [
    [8, 8],
    [8, 8],
  ],
  [
    [6, 4],
    [1, 1],
  ],
];

describe('ops: spatial', () => {
  useEngine();

  for (const [from, to] of sizes) {
    it(`adaptiveAvgPool2d ${from.join('×')} to ${to.join('×')} and its gradient follow the definition`, () => {
      assertNoLeak(tf.memory, () => {
        tf.tidy(() => {
          const values = wave(from[0] * from[1], 0.4);
          const weights = wave(to[0] * to[1], 2.1);
          const x = tf.tensor4d(values, [1, ...from, 1]);
          const dy = tf.tensor4d(weights, [1, ...to, 1]);
          assertClose(adaptiveAvgPool2d(x, to).dataSync(), poolByBins(values, from, to), 1e-6, 'value');
          const dx = tf.grad((z) => adaptiveAvgPool2d(z as tf.Tensor4D, to))(x, dy);
          // The map is linear: the gradient of value k is the pooled unit vector k.
          const expected = values.map((_, k) => {
            const unit = values.map((_v, i) => (i === k ? 1 : 0));
            return poolByBins(unit, from, to).reduce((sum, v, i) => sum + v * weights[i]!, 0);
          });
          assertClose(dx.dataSync(), expected, 1e-6, 'gradient');
        });
      });
    });
  }

  it('adaptiveAvgPool2d keeps batch and channels apart', () => {
    tf.tidy(() => {
      const x = tf.tensor4d(wave(2 * 5 * 4 * 3, 0), [2, 5, 4, 3]);
      const all = adaptiveAvgPool2d(x, [2, 3]);
      const one = adaptiveAvgPool2d(tf.slice(x, [1, 0, 0, 2], [1, 5, 4, 1]), [2, 3]);
      assertClose(tf.slice(all, [1, 0, 0, 2], [1, 2, 3, 1]).dataSync(), one.dataSync(), 1e-7);
    });
  });

  it('resize equals torch.nn.functional.interpolate', () => {
    // By hand from the half-pixel rule, for x = [0, 1, 4].
    const expected = { nearest: [0, 0, 1, 1, 4], bilinear: [0, 0.4, 1, 2.8, 4] } as const;
    tf.tidy(() => {
      const x = tf.tensor4d([0, 1, 4], [1, 1, 3, 1]);
      for (const mode of ['nearest', 'bilinear'] as const) {
        assertClose(resize(x, [1, 5], mode).dataSync(), expected[mode], 1e-6, mode);
      }
    });
  });

  it('resize reproduces constants in every mode and size', () => {
    tf.tidy(() => {
      const x = tf.fill([1, 3, 4, 2], 2.5) as tf.Tensor4D;
      for (const mode of ['nearest', 'bilinear', 'bicubic'] as const) {
        for (const size of [
          [5, 9],
          [2, 1],
          [3, 4],
        ] as const) {
          const y = resize(x, size, mode);
          assert.deepEqual(y.shape, [1, ...size, 2]);
          assertClose(y.dataSync(), new Float32Array(size[0] * size[1] * 2).fill(2.5), 1e-6, mode);
        }
      }
    });
  });

  it('attention and its gradients equal the softmax formula written out, whole and in blocks', () => {
    const [G, N, M, d, e] = [2, 5, 3, 4, 6];
    const formula = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor): tf.Tensor => {
      const scores = tf.exp(tf.div(tf.matMul(q, tf.transpose(k, [0, 2, 1])), Math.sqrt(d)));
      return tf.matMul(tf.div(scores, tf.sum(scores, -1, true)), v);
    };
    assertNoLeak(tf.memory, () => {
      tf.tidy(() => {
        const q = tf.tensor3d(wave(G * N * d, 0.1), [G, N, d]);
        const k = tf.tensor3d(wave(G * M * d, 0.7), [G, M, d]);
        const v = tf.tensor3d(wave(G * M * e, 1.9), [G, M, e]);
        const dy = tf.tensor3d(wave(G * N * e, 3.3), [G, N, e]);
        const wanted = [formula(q, k, v), ...tf.grads(formula)([q, k, v], dy)];
        for (const blockScores of [undefined, 2 * G * M, 1]) {
          const run = (...x: tf.Tensor[]): tf.Tensor =>
            attention(x[0] as tf.Tensor3D, x[1] as tf.Tensor3D, x[2] as tf.Tensor3D, blockScores);
          const found = [run(q, k, v), ...tf.grads(run)([q, k, v], dy)];
          found.forEach((x, i) => assertClose(x.dataSync(), wanted[i]!.dataSync(), 2e-6, `${blockScores} ${i}`));
        }
      });
    });
  });

  it('multi-query attention is multi-head attention with the same keys and values for every head', () => {
    tf.tidy(() => {
      const [B, N, M, d, heads] = [2, 5, 3, 4, 3];
      const q = tf.tensor3d(wave(B * N * heads * d, 0.1), [B, N, heads * d]);
      const k = tf.tensor3d(wave(B * M * d, 0.7), [B, M, d]);
      const v = tf.tensor3d(wave(B * M * d, 1.3), [B, M, d]);
      const repeat = (x: tf.Tensor3D): tf.Tensor3D => tf.tile(x, [1, 1, heads]);
      const expected = multiHeadAttention(q, repeat(k), repeat(v), heads);
      assertClose(multiQueryAttention(q, k, v).dataSync(), expected.dataSync(), 1e-6);
    });
  });
});
