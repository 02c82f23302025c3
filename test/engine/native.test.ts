import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { describeEngine } from 'gemma-3ncore/engine/describe';
import { memory } from 'gemma-3ncore/engine/memory';
import { openEngine } from 'gemma-3ncore/engine/open';
import { useEngine } from '../support/engine.js';

describe('the native engine', () => {
  useEngine();

  test('opens once', async () => {
    assert.equal(await openEngine(), 'tensorflow');
    assert.equal(await openEngine({ prefer: 'cpu' }), 'tensorflow');
    assert.equal(tf.getBackend(), 'tensorflow');
  });

  test('multiplies matrices and counts what it holds', () => {
    const before = memory();
    const a = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
    const product = tf.matMul(a, a, false, true);
    assert.deepEqual([...product.dataSync()], [14, 32, 32, 77]);
    const held = memory();
    assert.equal(held.tensors - before.tensors, 2);
    assert.equal(held.bytes - before.bytes, 4 * (6 + 4));
    tf.dispose([a, product]);
    const after = memory();
    assert.equal(after.tensors, before.tensors);
    assert.ok(after.peakRssMB >= after.rssMB, `peak ${after.peakRssMB} MB, now ${after.rssMB} MB`);
    assert.ok(after.rssMB > 50 && after.freeMB > 0);
  });

  test('describes itself', async () => {
    const description = await describeEngine();
    assert.equal(description.engine, 'tensorflow');
    assert.equal(description.canTrain, true);
    assert.match(description.tensorflow ?? '', /^\d+\.\d+\.\d+/);
    assert.deepEqual(description.notTaken, []);
    assert.ok(description.processor.threads >= 1);
    assert.equal(description.environment['TF_ENABLE_ONEDNN_OPTS'], process.env['TF_ENABLE_ONEDNN_OPTS']);
    assert.ok(description.device === 'cpu' || description.gpus.length > 0, 'a GPU device without a GPU');
  });
});
