import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { gaussianTopK, normalQuantile } from 'gemma-3ncore/ops/gaussian_topk';
import { assertClose, assertNoLeak } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

describe('ops/gaussian_topk', () => {
  useEngine();

  it('knows the quantiles of the normal distribution', () => {
    // R's qnorm.
    const known = { 0.5: 0, 0.8: 0.8416212335729143, 0.95: 1.6448536269514722, 0.999: 3.090232306167813 };
    for (const [p, x] of Object.entries(known)) {
      assert.ok(Math.abs(normalQuantile(Number(p)) - x) < 1e-12, p);
      assert.ok(Math.abs(normalQuantile(1 - Number(p)) + x) < 1e-12, p);
    }
    assert.ok(Math.abs(normalQuantile(1e-9) + 5.997807015007773) < 1e-6);
    for (const p of [0, 1, NaN]) assert.throws(() => normalQuantile(p), /expected p between 0 and 1/);
  });

  it('leaves of each row what stands above mean + deviation · quantile', () => {
    const x = tf.randomNormal([3, 400], 2, 3, 'float32', 8);
    const expected = (x.arraySync() as number[][]).flatMap((row) => {
      const mean = row.reduce((sum, v) => sum + v, 0) / row.length;
      const deviation = Math.sqrt(row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length);
      return row.map((v) => Math.max(0, v - mean - deviation * 1.6448536269514722));
    });
    assertNoLeak(
      () => tf.memory(),
      () => {
        const y = gaussianTopK(x, 0.95);
        assertClose(y.dataSync(), expected, 1e-6);
        const share = y.dataSync().filter((v) => v > 0).length / 1200;
        assert.ok(share > 0.03 && share < 0.07, String(share));
        y.dispose();
      },
    );
    x.dispose();
  });

  it('has the gradient of what it computes, through mean and deviation too', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([[0.3, -1, 2.5, 0.1, 1.9, -0.4]]);
      const weights = tf.tensor1d([1, 2, 3, 4, 5, 6]);
      const f = (y: tf.Tensor): tf.Scalar => tf.sum(tf.mul(gaussianTopK(y, 0.6), weights));
      const gradient = tf.grad(f)(x).dataSync();
      const numeric = [0, 1, 2, 3, 4, 5].map((i) => {
        const step = tf.oneHot(tf.tensor1d([i], 'int32'), 6).mul(0.01);
        return (f(x.add(step)).dataSync()[0]! - f(x.sub(step)).dataSync()[0]!) / 0.02;
      });
      // Central differences in float32.
      assertClose(gradient, numeric, 2e-3);
    });
  });
});
