import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { quantizedLeaf } from 'gemma-3ncore/adapters/quantize/leaves';
import { compile } from 'gemma-3ncore/engine/compile';
import { hasNativeOp } from 'gemma-3ncore/engine/native_op';
import { weightOf } from 'gemma-3ncore/ops/dequantize';
import { tensorsOf } from 'gemma-3ncore/tree/leaf';
import { Random, rootKey } from 'gemma-3ncore/tree/random';
import { useEngine } from '../support/engine.js';

function values(n: number): Float32Array {
  const random = new Random(rootKey(5));
  return Float32Array.from({ length: n }, () => random.normal());
}

/** Runs without the fused operations. */
function composed<T>(work: () => T): T {
  process.env['NCORE_FUSED'] = '0';
  try {
    return work();
  } finally {
    delete process.env['NCORE_FUSED'];
  }
}

describe('ops/dequantize', () => {
  useEngine();

  for (const precision of ['int8', 'nf4'] as const) {
    // Whole blocks; a last block that is short; enough rows for several threads; an odd width, which has no fused form.
    for (const shape of [
      [8, 64],
      [5, 38],
      [600, 320],
      [7, 9],
    ] as const) {
      it(`${precision} ${shape.join('×')}: fused, composed and compiled give the same bits`, (context: TestContext) => {
        if (!hasNativeOp('NcoreDequantizeNf4')) return context.skip('this engine has no fused dequantization');
        const before = tf.memory().numTensors;
        const leaf = quantizedLeaf('w', shape, values(shape[0] * shape[1]), precision);
        const bits = (weight: tf.Tensor): Float32Array => {
          assert.deepEqual(weight.shape, [...shape]);
          const found = weight.dataSync<'float32'>().slice();
          weight.dispose();
          return found;
        };
        const expected = composed(() => bits(weightOf(leaf)));
        assert.deepEqual(bits(weightOf(leaf)), expected);
        const x = tf.ones([2, 2]);
        for (const run of [(work: () => void) => work(), composed]) {
          run(() => {
            const compiled = compile((input: tf.Tensor) => weightOf(leaf, input));
            assert.deepEqual(bits(compiled(x)), expected);
            compiled.dispose();
          });
        }
        tf.dispose([x, ...tensorsOf(leaf)]);
        assert.equal(tf.memory().numTensors, before);
      });
    }
  }
});
