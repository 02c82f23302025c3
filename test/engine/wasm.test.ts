import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { describeEngine } from 'gemma-3ncore/engine/describe';
import { memory } from 'gemma-3ncore/engine/memory';
import { openEngine } from 'gemma-3ncore/engine/open';

describe('the WebAssembly engine', () => {
  before(async () => {
    process.env['NCORE_ENGINE'] = 'wasm';
    await openEngine();
  });

  test('is the one that was asked for, and says that it does not train', async () => {
    const description = await describeEngine();
    assert.equal(description.engine, 'wasm');
    assert.equal(tf.getBackend(), 'wasm');
    assert.equal(description.canTrain, false);
    assert.equal(description.tensorflow, null);
    assert.equal(description.device, 'cpu');
    assert.equal(description.graphFunctions, false);
  });

  test('multiplies matrices and counts what it holds', () => {
    const tensors = memory().tensors;
    const a = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const product = tf.matMul(a, a, false, true);
    assert.deepEqual([...product.dataSync()], [14, 32, 32, 77]);
    assert.equal(memory().tensors, tensors + 2);
    tf.dispose([a, product]);
    assert.equal(memory().tensors, tensors);
  });
});
