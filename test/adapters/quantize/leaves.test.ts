import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig } from 'gemma-3ncore/adapters/lora_config';
import { mergeLora } from 'gemma-3ncore/adapters/merge_lora';
import { leafMaker, type Precision } from 'gemma-3ncore/adapters/quantize/leaves';
import { nodeBackend } from 'gemma-3ncore/engine/binding';
import { compile } from 'gemma-3ncore/engine/compile';
import { conv1x1, conv2d } from 'gemma-3ncore/nn/conv2d';
import { linear } from 'gemma-3ncore/nn/linear';
import { weightOf } from 'gemma-3ncore/ops/dequantize';
import { constant, kaimingUniform } from 'gemma-3ncore/tree/init';
import { shapeOf, type BaseLeaf } from 'gemma-3ncore/tree/leaf';
import { disposeParams, flattenParams, initialise, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { param, type ParamsOf } from 'gemma-3ncore/tree/spec';
import { assertClose, maxAbsDifference } from '../../support/compare.js';
import { useEngine } from '../../support/engine.js';

const spec = {
  stem: { weight: param([8, 3, 3, 3], 'conv', kaimingUniform) },
  pw: { weight: param([15, 8, 1, 1], 'conv1x1', kaimingUniform) },
  fc: { weight: param([6, 15], 'same', kaimingUniform), bias: param([6], 'same', constant(0.5)) },
  position_embedding: { weight: param([7, 5], 'same', kaimingUniform) },
};
type Params = ParamsOf<typeof spec>;
const quantized: Exclude<Precision, 'fp32'>[] = ['int8', 'llm_int8', 'nf4'];

function make(precision: Precision): Params {
  return initialise(spec, rootKey(1), leafMaker(precision));
}

function forward(params: Params, x: tf.Tensor4D): tf.Tensor2D {
  return tf.tidy(() => {
    const y = tf.relu(conv2d(x, params.stem.weight, { stride: 2 }));
    const z = conv1x1(y, params.pw.weight);
    return linear(tf.mean(z, [1, 2]) as tf.Tensor2D, params.fc.weight, { bias: params.fc.bias });
  });
}

function images(): tf.Tensor4D {
  return tf.randomNormal([2, 8, 8, 3], 0, 1, 'float32', 1);
}

describe('adapters/quantize/leaves', () => {
  useEngine();

  it('quantizes matrices alone, packed in the engine’s memory, and frees what it made', () => {
    const before = tf.memory().numTensors;
    const params = make('nf4');
    const kinds = [...flattenParams(params)].map(([path, leaf]) => `${path} ${leaf.kind} ${shapeOf(leaf).join('×')}`);
    assert.deepEqual(kinds, [
      'stem.weight dense 3×3×3×8',
      'pw.weight nf4 15×8',
      'fc.weight nf4 6×15',
      'fc.bias dense 6',
      'position_embedding.weight dense 7×5',
    ]);
    const { pw } = params;
    assert.ok(pw.weight.kind === 'nf4');
    assert.equal(pw.weight.packed.size, 60);
    const backend = nodeBackend();
    if (backend !== undefined) {
      const record = backend.tensorMap.get(pw.weight.packed.dataId) as unknown as { dtype: number };
      assert.equal(record.dtype, backend.binding.TF_UINT8);
    }
    disposeParams(params);
    assert.equal(tf.memory().numTensors, before);
  });

  for (const precision of quantized) {
    it(`${precision}: the same numbers eager and compiled, near those of fp32`, () => {
      const [x, dense, params] = [images(), make('fp32'), make(precision)];
      const before = tf.memory().numTensors;
      const eager = tf.tidy(() => forward(params, x).dataSync());
      assert.equal(tf.memory().numTensors, before);
      const compiled = compile((input: tf.Tensor4D) => forward(params, input));
      for (let call = 0; call < 2; call++) {
        const y = compiled(x);
        assertClose(y.dataSync(), eager, 1e-6);
        y.dispose();
      }
      compiled.dispose();
      assert.equal(tf.memory().numTensors, before);
      const off = maxAbsDifference(
        eager,
        tf.tidy(() => forward(dense, x).dataSync()),
      );
      // Of values around 0.5: 8 bits keep a hundredth, 4 bits a tenth.
      assert.ok(off > 0 && off < (precision === 'nf4' ? 0.05 : 0.005), `differs by ${off}`);
      disposeParams([params, dense]);
      x.dispose();
    });

    it(`${precision}: the gradient of the input is that of the dequantized weight`, () => {
      const [x, params] = [tf.randomNormal<tf.Rank.R2>([4, 15], 0, 1, 'float32', 2), make(precision)];
      const before = tf.memory().numTensors;
      tf.tidy(() => {
        const { weight } = params.fc;
        const gradient = tf.grad((input) => tf.sum(tf.square(linear(input as tf.Tensor2D, weight))))(x);
        const dy = tf.mul(linear(x, weight), 2) as tf.Tensor2D;
        assertClose(gradient.dataSync(), tf.matMul(dy, weightOf(weight as BaseLeaf) as tf.Tensor2D).dataSync(), 1e-6);
      });
      assert.equal(tf.memory().numTensors, before);
      disposeParams(params);
      x.dispose();
    });

    it(`${precision}: carries LoRA, which starts without effect, trains and merges to a dense tree`, () => {
      const x = images();
      const config = loraConfig({ target_modules: ['stem', 'pw', 'fc'], r: 2, use_dora: precision === 'nf4' });
      const base = make(precision);
      const plain = tf.tidy(() => forward(base, x).dataSync());
      const params = wrapLora(base, spec, config, rootKey(2));
      assert.deepEqual(
        tf.tidy(() => forward(params, x).dataSync()),
        plain,
      );
      const variables = [...trainableVariables(params).values()];
      assert.equal(variables.length, precision === 'nf4' ? 9 : 6);
      for (const variable of variables) variable.assign(tf.randomNormal(variable.shape, 0, 0.5, 'float32', 3));
      const { grads } = tf.variableGrads(() => tf.sum(tf.square(forward(params, x))) as tf.Scalar, variables);
      for (const { name } of variables) assert.ok(grads[name]!.dataSync().some((value) => value !== 0));
      const merged = mergeLora(params);
      assert.ok([...flattenParams(merged).values()].every(({ kind }) => kind === 'dense'));
      const adapted = tf.tidy(() => forward(params, x).dataSync());
      // The inputs of llm_int8 are rounded to 8 bits, a dense tree's are not.
      const tolerance = precision === 'llm_int8' ? 0.02 : 1e-5;
      assertClose(
        tf.tidy(() => forward(merged, x).dataSync()),
        adapted,
        tolerance,
      );
      disposeParams([merged, params]);
      tf.dispose([x, grads]);
    });
  }

  it('llm_int8 leaves columns with outliers at full precision', () => {
    const W = make('llm_int8').fc.weight;
    const error = (x: tf.Tensor2D): number =>
      tf.tidy(() => {
        const exact = tf.matMul(x, weightOf(W as BaseLeaf) as tf.Tensor2D, false, true);
        return tf.max(tf.abs(tf.sub(linear(x, W), exact))).dataSync()[0]!;
      });
    const row = Array.from({ length: 15 }, (_, i) => (i === 3 ? 100 : 0.3 * Math.sin(i)));
    const withOutlier = tf.tensor2d([row, row.map((value) => value / 2)]);
    // Beside 100 the other values would have steps of 0.8; without the outlier they have steps of 0.3/127.
    assert.ok(error(withOutlier) < 0.01);
    withOutlier.dispose();
  });

  it('refuses weights that are not finite by name', () => {
    const make = leafMaker('int8');
    assert.throws(
      () => make('fc.weight', spec.fc.weight, new Float32Array(90).fill(NaN)),
      /weight fc\.weight: expected finite values to quantize, got NaN or infinity/,
    );
  });
});
