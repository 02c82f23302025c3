import assert from 'node:assert/strict';
import { describe } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile } from 'gemma-3ncore/engine/compile';
import { dropout, dropoutKey } from 'gemma-3ncore/nn/dropout';
import { linear } from 'gemma-3ncore/nn/linear';
import { rmsNormGelu } from 'gemma-3ncore/ops/rms_norm';
import { dense, type Leaf } from 'gemma-3ncore/tree/leaf';
import { useEngine } from '../support/engine.js';
import { itCompiles } from '../support/graph.js';

const [batch, side, width, rank] = [4, 8, 12, 3];

/** Deterministic values in about ±scale. */
function wave(shape: number[], phase: number, scale: number): tf.Tensor {
  const n = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: n }, (_, i) => scale * Math.sin(1.3 * i + phase)),
    shape,
  );
}

/** A small network with a frozen base, two LoRA layers, a depthwise convolution, a trained norm and AdamW. */
function makeStep() {
  const variable = (shape: number[], phase: number, scale: number): tf.Variable =>
    tf.tidy(() => tf.variable(wave(shape, phase, scale)));
  const frozen = [wave([width, 3], 1, 0.3), wave([width, width], 2, 0.2)];
  const kernel = wave([3, 3, width, 1], 3, 0.2) as tf.Tensor4D;
  const A = [variable([rank, 3], 4, 0.3), variable([rank, width], 5, 0.2)];
  const B = [variable([width, rank], 6, 0.1), variable([width, rank], 7, 0.1)];
  const norm = variable([width], 8, 1);
  const head = variable([3, width], 9, 0.3);
  const trained = [...A, ...B, norm, head];
  const moments = trained.map((v) => [variable(v.shape, 0, 0), variable(v.shape, 0, 0)] as const);
  const time = tf.tidy(() => tf.variable(tf.scalar(0)));
  const layers = frozen.map((value, i): Leaf => ({
    kind: 'lora',
    base: dense(value),
    A: A[i]!,
    B: B[i]!,
    scale: 2,
    dropout: 0.1,
  }));

  const forward = (x: tf.Tensor4D, seed: tf.Tensor1D): tf.Tensor => {
    const key = dropoutKey(seed);
    const low = linear(x, layers[0]!, { dropoutKey: key });
    const local = tf.depthwiseConv2d(low, kernel, 1, 'same');
    const act = rmsNormGelu(local, norm as unknown as tf.Tensor1D, 1e-6);
    const mixed = tf.add(act, linear(act, layers[1]!, { dropoutKey: key }));
    const pooled = dropout(tf.mean(mixed, [1, 2]), 0.1, key);
    return linear(pooled, dense(head));
  };

  /** Loshchilov and Hutter 2019, with the rate and the time as tensors. */
  const adamw = (gradients: tf.NamedTensorMap, rate: tf.Tensor): void => {
    time.assign(tf.add(time, 1));
    trained.forEach((v, i) => {
      const g = gradients[v.name] as tf.Tensor;
      const [m, s] = moments[i]!;
      m.assign(tf.add(tf.mul(m, 0.9), tf.mul(g, 0.1)));
      s.assign(tf.add(tf.mul(s, 0.999), tf.mul(tf.square(g), 0.001)));
      const mHat = tf.div(m, tf.sub(1, tf.pow(tf.scalar(0.9), time)));
      const sHat = tf.div(s, tf.sub(1, tf.pow(tf.scalar(0.999), time)));
      const update = tf.add(tf.div(mHat, tf.add(tf.sqrt(sHat), 1e-8)), tf.mul(v, 0.01));
      v.assign(tf.sub(v, tf.mul(update, rate)));
    });
  };

  const step = (x: tf.Tensor, target: tf.Tensor, rate: tf.Tensor, seed: tf.Tensor): tf.Tensor =>
    tf.tidy(() => {
      const { value, grads } = tf.variableGrads(
        () => tf.losses.meanSquaredError(target, forward(x as tf.Tensor4D, seed as tf.Tensor1D)) as tf.Scalar,
        trained,
      );
      adamw(grads, rate);
      return value;
    });
  const state = [...trained, ...moments.flat(), time];
  const dispose = (): void => void tf.dispose([...frozen, kernel, ...state]);
  return { step, state, dispose };
}

type Step = ReturnType<typeof makeStep>['step'];

/** Runs steps whose rate and seed change; the losses. */
function train(step: Step, steps: number): number[] {
  const x = wave([batch, side, side, 3], 10, 1);
  const target = wave([batch, 3], 11, 1);
  const losses = Array.from({ length: steps }, (_, i) => {
    const rate = tf.scalar(0.02 / (1 + i));
    const seed = tf.tensor1d([1, i], 'int32');
    const loss = step(x, target, rate, seed);
    const value = loss.dataSync()[0]!;
    tf.dispose([rate, seed, loss]);
    return value;
  });
  tf.dispose([x, target]);
  return losses;
}

describe('engine/compile: a training step', () => {
  useEngine();

  itCompiles('with AdamW inside gives the losses and the state of eager steps, bit for bit', () => {
    const [eager, traced] = [makeStep(), makeStep()];
    const compiled = compile(traced.step);
    const losses = train(eager.step, 6);
    assert.deepEqual(train(compiled, 6), losses);
    assert.equal(new Set(losses).size, 6);
    traced.state.forEach((v, i) => assert.deepEqual(v.dataSync(), eager.state[i]!.dataSync(), v.name));
    compiled.dispose();
    eager.dispose();
    traced.dispose();
  });

  itCompiles('leaves the number of tensors unchanged over 200 steps', () => {
    const before = tf.memory().numTensors;
    const { step, dispose } = makeStep();
    const compiled = compile(step);
    train(compiled, 1);
    const { numTensors } = tf.memory();
    const handles = (tf.backend() as unknown as { getNumOfTFTensors(): number }).getNumOfTFTensors();
    train(compiled, 200);
    assert.equal(tf.memory().numTensors, numTensors);
    assert.equal((tf.backend() as unknown as { getNumOfTFTensors(): number }).getNumOfTFTensors(), handles);
    compiled.dispose();
    dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  itCompiles('of a tfjs optimizer compiles once its slots exist', () => {
    const run = (compiledStep: boolean): number[] => {
      const optimizer = tf.train.adam(0.05);
      const v = tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3])));
      const step = (x: tf.Tensor): tf.Tensor =>
        optimizer.minimize(() => tf.sum(tf.square(tf.sub(v, x))), true, [v]) as tf.Scalar;
      const x = tf.tensor1d([0, 0, 1]);
      step(x).dispose();
      const next = compile(step);
      for (let i = 0; i < 4; i++) (compiledStep ? next(x) : step(x)).dispose();
      const values = [...v.dataSync()];
      next.dispose();
      optimizer.dispose();
      tf.dispose([v, x]);
      return values;
    };
    assert.deepEqual(run(true), run(false));
  });
});
