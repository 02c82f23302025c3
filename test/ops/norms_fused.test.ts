import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile } from 'gemma-3ncore/engine/compile';
import { hasNativeOp, nativeOp } from 'gemma-3ncore/engine/native_op';
import { projectPath } from 'gemma-3ncore/host/places';
import { gelu } from 'gemma-3ncore/ops/gelu';
import { layerNorm } from 'gemma-3ncore/ops/layer_norm';
import { rmsNorm, rmsNormGelu } from 'gemma-3ncore/ops/rms_norm';
import { maxAbsDifference } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

type Norm = (x: tf.Tensor, weight: tf.Tensor1D, bias: tf.Tensor1D) => tf.Tensor;

const norms: Readonly<Record<string, Norm>> = {
  rmsNorm: (x, w) => rmsNorm(x, w, 1e-6),
  rmsNormGelu: (x, w) => rmsNormGelu(x, w, 1e-6),
  layerNorm: (x, w, b) => layerNorm(x, w, b, 1e-6),
  gelu: (x) => gelu(x, 'tanh'),
};

/** How many of weight and bias they have. */
const vectors: Readonly<Record<string, number>> = { rmsNorm: 1, rmsNormGelu: 1, layerNorm: 2, gelu: 0 };

/** Shapes of one block of rows and of many, of channels that fill vector registers and that do not. */
const shapes = [[7], [3, 5], [2, 9, 9, 33], [900, 96], [40, 1152]];

/** The values and the gradients of x, weight and bias, computed with the fused kernels or without them. */
function evaluate(name: string, shape: number[], fused: boolean): Float32Array[] {
  const norm = norms[name]!;
  const former = process.env['NCORE_FUSED'];
  process.env['NCORE_FUSED'] = fused ? '1' : '0';
  try {
    return tf.tidy(() => {
      const channels = shape[shape.length - 1]!;
      const x = tf.randomNormal(shape, 0.3, 2, 'float32', 1);
      const dy = tf.randomNormal(shape, 0, 1, 'float32', 2);
      const w = tf.variable(tf.randomNormal<tf.Rank.R1>([channels], 1, 0.3, 'float32', 3));
      const b = tf.variable(tf.randomNormal<tf.Rank.R1>([channels], 0, 0.3, 'float32', 4));
      const y = norm(x, w, b);
      const dx = tf.grad((z) => norm(z, w, b))(x, dy);
      const used = [w, b].slice(0, vectors[name]!);
      const gradients = used.map((v) => tf.variableGrads(() => tf.sum(tf.mul(norm(x, w, b), dy)), [v]).grads[v.name]!);
      const values = [y, dx, ...gradients].map((t) => t.dataSync<'float32'>());
      tf.dispose([w, b]);
      return values;
    });
  } finally {
    if (former === undefined) delete process.env['NCORE_FUSED'];
    else process.env['NCORE_FUSED'] = former;
  }
}

function needFused(context: TestContext): boolean {
  if (hasNativeOp('NcoreRmsNorm')) return true;
  context.skip('this engine has no fused kernels');
  return false;
}

describe('ops: fused normalisation and GELU', () => {
  useEngine();

  for (const [name, norm] of Object.entries(norms)) {
    it(`${name} has the numbers of the composed formula`, (context) => {
      if (!needFused(context)) return;
      for (const shape of shapes) {
        const composed = evaluate(name, shape, false);
        evaluate(name, shape, true).forEach((values, i) => {
          // Relative to the largest value: sums of up to 1152 float32 terms in another order.
          const scale = composed[i]!.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
          const worst = maxAbsDifference(values, composed[i]!) / scale;
          assert.ok(worst <= 1e-5, `[${shape.join()}], result ${i}: differs by ${worst}`);
        });
      }
    });

    it(`${name} gives the same bits each time`, (context) => {
      if (!needFused(context)) return;
      const bits = (): Buffer => Buffer.concat(evaluate(name, [900, 96], true).map((v) => Buffer.from(v.buffer)));
      const first = bits();
      for (let i = 0; i < 6; i++) assert.ok(bits().equals(first));
    });

    it(`${name} rounds alike where TensorFlow reuses the memory of an input`, (context) => {
      if (!needFused(context)) return;
      tf.tidy(() => {
        const [w, b] = [tf.ones([97]) as tf.Tensor1D, tf.zeros([97]) as tf.Tensor1D];
        const run = (x: tf.Tensor, dy: tf.Tensor): tf.Tensor[] => {
          const { value, grad } = tf.valueAndGrad((z) => norm(z, w, b))(tf.add(x, 1), tf.neg(dy));
          return [norm(tf.add(value, 1), w, b), grad];
        };
        const [x, dy] = [1, 2].map((seed) => tf.randomNormal([40, 97], 0, 1, 'float32', seed)) as [
          tf.Tensor,
          tf.Tensor,
        ];
        // A compiled function frees its intermediate tensors early, eager execution holds them.
        const compiled = compile(run);
        const results = compiled(x, dy).map((t) => t.dataSync());
        assert.deepEqual(
          results,
          run(x, dy).map((t) => t.dataSync()),
        );
        compiled.dispose();
      });
    });

    it(`${name} lets NaN through and handles no rows`, (context) => {
      if (!needFused(context)) return;
      tf.tidy(() => {
        const [w, b] = [tf.ones([3]) as tf.Tensor1D, tf.zeros([3]) as tf.Tensor1D];
        assert.ok(Number.isNaN(norm(tf.tensor2d([[1, NaN, 2]]), w, b).dataSync()[1]));
        assert.deepEqual(norm(tf.zeros([0, 3]), w, b).shape, [0, 3]);
      });
    });
  }

  it('names what does not fit', (context) => {
    if (!needFused(context)) return;
    tf.tidy(() => {
      const attributes = { epsilon: { float: 1e-6 }, gelu: { bool: false } };
      const run = (size: number): unknown =>
        nativeOp('NcoreRmsNorm', attributes, [tf.ones([2, 3]), tf.ones([size])], 2);
      assert.throws(() => run(4), /the weight must have the size of the last axis of x/);
      assert.doesNotThrow(() => run(3));
    });
  });

  it('is built from every source file', () => {
    const folder = projectPath('lib', 'native');
    const { sources, tuned } = JSON.parse(readFileSync(`${folder}/sources.json`, 'utf8')) as {
      sources: string[];
      tuned: { sources: string[] };
    };
    const files = readdirSync(folder).filter((file) => file.endsWith('.cc'));
    assert.deepEqual([...sources, ...tuned.sources].sort(), files.sort());
  });
});
