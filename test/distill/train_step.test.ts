import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { biasCorrections, createAdamW } from 'gemma-3ncore/distill/adamw';
import { chunksOf, microBatch } from 'gemma-3ncore/distill/batches';
import { standardisationOf } from 'gemma-3ncore/distill/targets';
import { createTrainStep, microBatchGradient } from 'gemma-3ncore/distill/train_step';
import { trainedVariables } from 'gemma-3ncore/distill/variables';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { tiny, tinyData, tinyPlan, type Tiny } from '../support/tiny_student.js';

const data = tinyData(12, 12);
const standardisation = standardisationOf(data.studies.map(({ targets }) => targets!));

/** The gradient of a group in micro-batches of `size`, weighted by the true number of studies. */
async function groupGradient(model: Tiny, group: readonly number[], size: number): Promise<Float32Array> {
  const variables = [...trainedVariables(model.student, model.bridges).values()];
  const shares = { task: 1 / group.length, feature: 2 / group.length };
  const gradients: tf.Tensor1D[] = [];
  for (const chunk of chunksOf(group, size)) {
    const batch = await microBatch(data, standardisation, chunk, shares, [0, 0], true);
    // Dropout would draw other masks for other micro-batches.
    const student = { ...model.student, forward: (frames: typeof batch) => model.student.forward(frames) };
    const { task, feature, gradient } = microBatchGradient(student, model.bridges, variables, batch);
    gradients.push(gradient);
    tf.dispose([Object.values(batch), task, feature!] as tf.TensorContainer);
  }
  const sum = tf.tidy(() => tf.addN(gradients).dataSync<'float32'>().slice());
  tf.dispose(gradients);
  return sum;
}

describe('distill/train_step', () => {
  useEngine();

  it('gives 2 × 4 the gradient of 1 × 8, and a last partial group that of its own studies', async () => {
    const model = tiny(1);
    const group = [0, 1, 2, 3, 4, 5, 6, 7];
    const whole = await groupGradient(model, group, 8);
    assert.ok(whole.some((value) => Math.abs(value) > 0.01));
    // Another order of summation in fp32.
    assertClose(await groupGradient(model, group, 4), whole, 1e-6);
    // 3 + 3 + 2: the last micro-batch is padded with studies that must not count.
    assertClose(await groupGradient(model, group, 3), whole, 1e-6);
    assertClose(await groupGradient(model, [8, 9], 4), await groupGradient(model, [8, 9], 2), 1e-6);
    model.dispose();
  });

  it('decays matrices alone where vectors are to be spared', () => {
    const change = (decay_vectors: boolean): number[] => {
      const variables = [tf.variable(tf.fill([2, 2], 2)), tf.variable(tf.fill([3], 2))];
      const optimizer = createAdamW(variables, { ...tinyPlan.optimizer, weight_decay: 0.5, decay_vectors });
      const scalars = { rate: tf.scalar(0.1), correction1: tf.scalar(0.1), correction2: tf.scalar(0.001) };
      const gradient = tf.zeros([7]) as tf.Tensor1D;
      optimizer.update(gradient, scalars);
      const values = variables.flatMap((variable) => [...variable.dataSync()]);
      optimizer.dispose();
      tf.dispose([...variables, gradient, ...Object.values(scalars)]);
      return values;
    };
    // p·(1 − rate·decay) = 2 · 0.95, as torch.optim.AdamW without a gradient.
    assertClose(change(true), [1.9, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9], 1e-6);
    assertClose(change(false), [1.9, 1.9, 1.9, 1.9, 2, 2, 2], 1e-6);
  });

  it('gives every trained leaf a gradient by the second step, and leaks nothing', async () => {
    const before = tf.memory().numTensors;
    const model = tiny(1);
    const variables = trainedVariables(model.student, model.bridges);
    const trained = [...variables.values()];
    const optimizer = createAdamW(trained, tinyPlan.optimizer);
    const { student, bridges } = model;
    const step = createTrainStep({ student, bridges, variables: trained, optimizer, max_grad_norm: null });
    const shares = { task: 1 / 4, feature: 1 / 4 };
    for (const t of [1, 2]) {
      const batch = await microBatch(data, standardisation, chunksOf([0, 1, 2, 3], 4)[0]!, shares, [t, 0], true);
      const losses = await step.accumulate(batch);
      const { correction1, correction2 } = biasCorrections(tinyPlan.optimizer, t);
      const scalars = {
        rate: tf.scalar(0.01),
        correction1: tf.scalar(correction1),
        correction2: tf.scalar(correction2),
      };
      const norm = await step.apply(scalars);
      tf.dispose([
        Object.values(batch),
        Object.values(scalars),
        losses.task,
        losses.feature!,
        norm,
      ] as tf.TensorContainer);
    }
    const v = optimizer.moments.v.dataSync();
    let begin = 0;
    for (const [name, { size }] of variables) {
      assert.ok(
        v.slice(begin, (begin += size)).some((value) => value > 0),
        `${name} had no gradient`,
      );
    }
    step.dispose();
    optimizer.dispose();
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
  });
});
