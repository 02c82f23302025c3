import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { rotary, rotaryTable } from 'gemma-3ncore/ops/rotary';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

const [N, d, theta] = [7, 6, 100] as const;

describe('ops/rotary', () => {
  useEngine();

  it('turns the pair (i, i + d/2) of position n by n·theta^(−2i/d)', () => {
    tf.tidy(() => {
      const x = tf.randomNormal([2, N, 3, d], 0, 1, 'float32', 4) as tf.Tensor4D;
      const turned = x.arraySync().map((positions) =>
        positions.map((heads, n) =>
          heads.map((values) =>
            values.map((value, c) => {
              const angle = n * theta ** ((-2 * (c % (d / 2))) / d);
              const other = c < d / 2 ? -values[c + d / 2]! : values[c - d / 2]!;
              return value * Math.cos(angle) + other * Math.sin(angle);
            }),
          ),
        ),
      );
      // float32 angles up to 6.
      assertClose(rotary(x, rotaryTable(N, d, theta)).dataSync(), turned.flat(3), 2e-6);
    });
  });

  it('makes products depend on how far two positions are apart alone', () => {
    tf.tidy(() => {
      const [a, b] = [5, 6].map((seed) => tf.tile(tf.randomNormal([1, 1, 1, d], 0, 1, 'float32', seed), [1, N, 1, 1]));
      const table = rotaryTable(N, d, theta);
      const rows = [a, b].map((x) => tf.reshape(rotary(x as tf.Tensor4D, table), [N, d]) as tf.Tensor2D);
      const products = (tf.matMul(rows[0]!, rows[1]!, false, true).arraySync() as number[][]).flat();
      const first = products.map((_, i) => {
        const apart = Math.floor(i / N) - (i % N);
        return apart >= 0 ? products[apart * N]! : products[-apart]!;
      });
      assertClose(products, first, 2e-6);
    });
  });
});
