import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { featureLoss, meanSquaredError, weightedSum } from 'gemma-3ncore/distill/losses';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

describe('distill/losses', () => {
  useEngine();

  it('is the mean of squares of each row, with torch’s gradient', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
      const y = tf.tensor2d([0, 2, 5, 4, 4, 2], [2, 3]);
      // (1 + 0 + 4)/3, (0 + 1 + 16)/3.
      assertClose(meanSquaredError(x, y).dataSync(), [5 / 3, 17 / 3], 1e-7);
      const weights = tf.tensor1d([1, 0.5]);
      const gradient = tf.grad((input) => weightedSum(meanSquaredError(input, y), weights))(x);
      assertClose(gradient.dataSync(), [2 / 3, 0, -4 / 3, 0, 1 / 3, 4 / 3], 1e-6);
    });
  });

  it('averages the ED and the ES frame of each study', () => {
    tf.tidy(() => {
      const perFrame = [1, 2, 3, 5];
      const student = tf.tile(tf.reshape(tf.tensor1d(perFrame), [4, 1, 1, 1]), [1, 2, 2, 3]) as tf.Tensor4D;
      const losses = featureLoss(student, tf.zerosLike(student));
      assert.deepEqual([...losses.dataSync()], [(1 + 9) / 2, (4 + 25) / 2]);
    });
  });
});
