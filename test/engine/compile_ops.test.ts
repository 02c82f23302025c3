import assert from 'node:assert/strict';
import { describe } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile, type Compiled } from 'gemma-3ncore/engine/compile';
import { statelessUniform } from 'gemma-3ncore/engine/stateless_random';
import { gelu } from 'gemma-3ncore/ops/gelu';
import { layerNorm } from 'gemma-3ncore/ops/layer_norm';
import { rmsNormGelu } from 'gemma-3ncore/ops/rms_norm';
import { maxAbsDifference } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { itCompiles } from '../support/graph.js';

/** Deterministic values in about ±1. */
function wave(shape: number[], phase = 0): tf.Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: n }, (_, i) => Math.sin(1.3 * i + phase)),
    shape,
  );
}

type Op = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
type Case = readonly [name: string, op: Op, ...inputs: number[][]];

const image = [2, 8, 8, 4];
const matrix = [6, 5];
const t4 = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D;
const t1 = (x: tf.Tensor | undefined): tf.Tensor1D => x as tf.Tensor1D;

/** The operations of the models, of their gradients and of the losses; inputs by shape. */
const cases: readonly Case[] = [
  ['add', (x, y) => tf.add(x!, y!), matrix, [5]],
  ['div', (x, y) => tf.div(x!, tf.add(tf.abs(y!), 1)), matrix, matrix],
  ['matMul', (x, y) => tf.matMul(x!, y!), matrix, [5, 7]],
  ['matMul transposed', (x, y) => tf.matMul(x!, y!, false, true), matrix, [7, 5]],
  ['matMul batched', (x, y) => tf.matMul(x!, y!, false, true), [2, 3, 4, 5], [2, 3, 6, 5]],
  ['conv2d', (x, w) => tf.conv2d(t4(x), t4(w), 2, 'same'), image, [3, 3, 4, 6]],
  ['conv2d valid', (x, w) => tf.conv2d(t4(x), t4(w), 1, 'valid'), image, [3, 3, 4, 6]],
  ['depthwiseConv2d', (x, w) => tf.depthwiseConv2d(t4(x), t4(w), 2, 'same'), image, [3, 3, 4, 1]],
  ['depthwiseConv2d of 5', (x, w) => tf.depthwiseConv2d(t4(x), t4(w), 1, 'same'), image, [5, 5, 4, 1]],
  ['conv2dTranspose', (x, w) => tf.conv2dTranspose(t4(x), t4(w), [2, 16, 16, 6], 2, 'same'), image, [3, 3, 6, 4]],
  ['pad', (x) => tf.pad(x!, [[0, 0], [1, 0], [2, 1], [0, 0]]), image], // prettier-ignore
  ['reshape', (x) => tf.reshape(x!, [2, -1]), image],
  ['transpose', (x) => tf.transpose(x!, [0, 3, 1, 2]), image],
  ['concat', (x, y) => tf.concat([x!, y!, x!], -1), image, image],
  ['stack', (x, y) => tf.stack([x!, y!], 1), image, image],
  ['split', (x) => tf.split(x!, [1, 3], 3), image],
  ['slice', (x) => tf.slice(x!, [0, 1], [2, 3]), matrix],
  ['expandDims, squeeze', (x) => tf.squeeze(tf.expandDims(x!, 1), [1]), matrix],
  ['tile', (x) => tf.tile(x!, [2, 3]), matrix],
  ['gather', (x) => tf.gather(x!, tf.tensor1d([0, 2, 1, 2], 'int32'), 1), matrix],
  ['oneHot', (x) => tf.mul(tf.oneHot(tf.tensor1d([0, 2, 1, 2, 0, 4], 'int32'), 5), x!), matrix],
  ['where', (x, y) => tf.where(tf.tensor1d([1, 0, 1, 1, 0], 'bool').expandDims().tile([6, 1]), x!, y!), matrix, matrix],
  ['clipByValue', (x) => tf.clipByValue(x!, -0.5, 0.5), matrix],
  ['softmax', (x) => tf.softmax(x!), [2, 3, 7]],
  ['logSoftmax', (x) => tf.logSoftmax(x!), matrix],
  ['sum', (x) => tf.sum(x!, [1, 2]), image],
  ['mean', (x) => tf.mean(x!, [1, 2], true), image],
  ['mean of all', (x) => tf.mean(x!), image],
  ['max', (x) => tf.max(x!, 1), matrix],
  ['avgPool', (x) => tf.avgPool(t4(x), 2, 2, 'same'), image],
  ['maxPool', (x) => tf.maxPool(t4(x), 2, 2, 'same'), image],
  ['resizeBilinear', (x) => tf.image.resizeBilinear(t4(x), [5, 7]), image],
  ['resizeBilinear half-pixel', (x) => tf.image.resizeBilinear(t4(x), [13, 16], false, true), image],
  ['resizeNearestNeighbor', (x) => tf.image.resizeNearestNeighbor(t4(x), [16, 16]), image],
  ['erf', (x) => tf.erf(x!), matrix],
  ['sigmoid', (x) => tf.sigmoid(x!), matrix],
  ['tanh', (x) => tf.tanh(x!), matrix],
  ['exp', (x) => tf.exp(x!), matrix],
  ['log', (x) => tf.log(tf.add(tf.abs(x!), 0.5)), matrix],
  ['relu', (x) => tf.relu(x!), matrix],
  ['relu6', (x) => tf.relu6(tf.mul(x!, 9)), matrix],
  ['sqrt', (x) => tf.sqrt(tf.add(tf.square(x!), 0.1)), matrix],
  ['rsqrt', (x) => tf.rsqrt(tf.add(tf.square(x!), 0.1)), matrix],
  ['maximum', (x, y) => tf.maximum(x!, y!), matrix, matrix],
  ['addN', (x, y) => tf.addN([x!, y!, x!]), matrix, matrix],
  ['cast', (x) => tf.mul(tf.cast(tf.cast(tf.mul(x!, 9), 'int32'), 'float32'), x!), matrix],
  ['squared difference', (x, y) => tf.losses.meanSquaredError(x!, y!), matrix, matrix],
  ['StatelessRandomUniform', (x) => tf.mul(x!, statelessUniform([6, 5], tf.tensor1d([7, 11], 'int32'))), matrix],
  ['gelu tanh', (x) => gelu(x!, 'tanh'), matrix],
  ['gelu erf', (x) => gelu(x!, 'erf'), matrix],
  ['rmsNormGelu', (x) => rmsNormGelu(x!, t1(wave([4], 2)), 1e-6), image],
  ['layerNorm', (x) => layerNorm(x!, t1(wave([4], 2)), t1(wave([4], 3)), 1e-6), image],
  ['one input twice and as it came', (x) => [x!, x!, tf.add(x!, 1)], matrix],
];

/** Σ of the squares of everything an operation gives, differentiated by each of its inputs. */
function gradientOf(op: Op): (...inputs: tf.Tensor[]) => tf.Tensor[] {
  const loss = (...inputs: tf.Tensor[]): tf.Tensor => tf.addN([op(...inputs)].flat().map((y) => tf.sum(tf.square(y))));
  return (...inputs) => tf.grads(loss)(inputs);
}

/** Operations for which oneDNN has a kernel that TensorFlow uses in eager execution only: off by roundings of float32. */
const roundedOtherwise: ReadonlySet<string> = new Set(['softmax']);

function assertSame(actual: tf.Tensor | tf.Tensor[], expected: tf.Tensor | tf.Tensor[], tolerance: number): void {
  const [a, b] = [[actual].flat(), [expected].flat()];
  assert.equal(a.length, b.length);
  a.forEach((tensor, i) => {
    assert.deepEqual(tensor.shape, b[i]!.shape);
    assert.equal(tensor.dtype, b[i]!.dtype);
    const worst = maxAbsDifference(tensor.dataSync(), b[i]!.dataSync());
    assert.ok(worst <= tolerance, `differs by ${worst}, allowed ${tolerance}`);
  });
}

describe('engine/compile: operations', () => {
  useEngine();

  for (const [name, op, ...shapes] of cases) {
    itCompiles(`${name}: values and gradients are those of eager execution`, () => {
      const tolerance = roundedOtherwise.has(name) ? 2e-7 : 0;
      const before = tf.memory().numTensors;
      const inputs = shapes.map((shape, i) => wave(shape, i + 0.5));
      for (const fn of [op, gradientOf(op)]) {
        const compiled: Compiled<tf.Tensor[], tf.Tensor | tf.Tensor[]> = compile(fn);
        tf.tidy(() => {
          const expected = fn(...inputs);
          assertSame(compiled(...inputs), expected, tolerance);
          assertSame(compiled(...inputs), expected, tolerance);
        });
        compiled.dispose();
      }
      tf.dispose(inputs);
      assert.equal(tf.memory().numTensors, before, 'tensors leaked');
    });
  }
});
