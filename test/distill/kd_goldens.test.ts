import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { biasCorrections } from 'gemma-3ncore/distill/adamw';
import { microBatchGradient } from 'gemma-3ncore/distill/train_step';
import { openSafetensors } from 'gemma-3ncore/files/safetensors';
import { assertClose, maxAbsDifference } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { golden } from '../support/goldens.js';
import { goldenValues, kdCase, type KdCase } from '../support/kd.js';

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** Weights that make a group's sum its mean, as kd.json divides by studies and micro-batches. */
function shares({ spec, log }: KdCase, step: number, studies: number): { task: number; feature: number } {
  const { task_weight, feature_weight } = log[step]!;
  const counted = spec.accum * studies;
  return { task: task_weight / counted, feature: feature_weight / counted };
}

/** Replays one optimizer step and compares its losses and its gradient's norm. */
async function replayStep(kd: KdCase, step: number): Promise<void> {
  const { spec, log, trainStep, optimizer } = kd;
  const expected = log[step]!;
  for (let k = 0; k < spec.accum; k++) {
    const index = (step * spec.accum + k) % spec.num_micro_batches;
    const probe = kd.batch(index, { task: 0, feature: 0 });
    const weights = shares(kd, step, probe.targets.shape[0]);
    const batch = kd.batch(index, weights);
    const losses = await trainStep.accumulate(batch);
    // fp32 against fp32 of another library, over ten steps of training: 1e-4 of losses around 1.
    assertClose([mean(losses.feature!.dataSync())], [expected.micro[k]!.feature], 1e-4, `step ${step} feature`);
    assertClose([mean(losses.task.dataSync())], [expected.micro[k]!.task], 1e-4, `step ${step} task`);
    tf.dispose([Object.values(probe), Object.values(batch), losses.task, losses.feature!] as tf.TensorContainer);
  }
  const { correction1, correction2 } = biasCorrections(optimizer, step + 1);
  const scalars = {
    rate: tf.scalar(spec.lr),
    correction1: tf.scalar(correction1),
    correction2: tf.scalar(correction2),
  };
  const norm = await trainStep.apply(scalars);
  assertClose(norm.dataSync(), [expected.grad_norm_before_clip], 1e-4, `step ${step} gradient norm`);
  tf.dispose([norm, ...Object.values(scalars)]);
}

function assertStep0Gradients(kd: KdCase, name: string): void {
  const file = openSafetensors(golden('kd', name, 'step0.safetensors'));
  const gradients: tf.Tensor1D[] = [];
  for (let k = 0; k < kd.spec.accum; k++) {
    const probe = kd.batch(k, { task: 0, feature: 0 });
    const batch = kd.batch(k, shares(kd, 0, probe.targets.shape[0]));
    const { task, feature, gradient } = microBatchGradient(kd.student, kd.bridges, [...kd.variables.values()], batch);
    gradients.push(gradient);
    tf.dispose([Object.values(probe), Object.values(batch), task, feature!] as tf.TensorContainer);
  }
  const sum = tf.tidy(() => tf.addN(gradients).dataSync());
  let begin = 0;
  for (const [variable, { size }] of kd.variables) {
    const part = sum.slice(begin, (begin += size));
    assertClose(part, goldenValues(file, 'grad.', variable), 1e-5, `gradient of ${variable}`);
  }
  tf.dispose(gradients);
  file.close();
}

describe('distill/train_step on the KD goldens', () => {
  useEngine();

  for (const name of ['kd1', 'kd2_clip', 'kd3_curriculum']) {
    it(`${name}: gradients of step 0, losses of every step, final weights`, async () => {
      const kd = kdCase(name);
      assertStep0Gradients(kd, name);
      for (let step = 0; step < kd.spec.steps; step++) await replayStep(kd, step);
      const file = openSafetensors(golden('kd', name, 'final_trainable.safetensors'));
      for (const [variable, value] of kd.variables) {
        const difference = maxAbsDifference(value.dataSync(), goldenValues(file, '', variable));
        // goldens/README.md: KD final weights 2e-4 absolute.
        assert.ok(difference <= 2e-4, `${variable} differs by ${difference}`);
      }
      file.close();
      kd.dispose();
    });
  }
});
