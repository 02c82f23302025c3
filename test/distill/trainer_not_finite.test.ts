import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { stepsDone } from 'gemma-3ncore/distill/checkpoint';
import type { TrainEvent } from 'gemma-3ncore/distill/events';
import type { Student } from 'gemma-3ncore/distill/student';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { runTiny as run, tinyTraining as data } from '../support/run_tiny.js';
import { tinyPlan } from '../support/tiny_student.js';

const folder = useFolder();

describe('distill/trainer on numbers that are not finite', () => {
  useEngine();

  it('names the study whose loss is not finite and keeps the last checkpoint', async () => {
    const checkpoints = { folder: join(folder, 'nan'), resume: false };
    let calls = 0;
    const images = (indices: readonly number[]) => {
      const frames = data.images(indices) as { ED: tf.Tensor4D; ES: tf.Tensor4D };
      const at = ++calls > 8 ? indices.indexOf(6) : -1;
      if (at < 0) return frames;
      const broken = tf.tidy(() => {
        const mask = tf.oneHot(tf.tensor1d([at], 'int32'), indices.length).reshape([-1, 1, 1, 1]);
        return tf.where(tf.cast(tf.mul(mask, tf.onesLike(frames.ED)), 'bool'), NaN, frames.ED) as tf.Tensor4D;
      });
      frames.ED.dispose();
      return { ...frames, ED: broken };
    };
    await assert.rejects(
      run({ checkpoints, data: { ...data, images }, plan: { ...tinyPlan, checkpointEvery: 1 } }),
      /training step \d+, studies study-6: expected a finite loss, got NaN/,
    );
    const kept = readdirSync(checkpoints.folder).sort();
    // The last good one is whole: with sound frames the run goes on from it and ends as if nothing had happened.
    const plan = { ...tinyPlan, checkpointEvery: 1 };
    const events: TrainEvent[] = [];
    const onEvent = (event: TrainEvent): void => void events.push(event);
    const resumed = await run({ plan, seed: 2, checkpoints: { ...checkpoints, resume: true }, onEvent });
    assert.equal(events[0]!.kind === 'resumed' && events[0]!.step, kept.length);
    assert.deepEqual(resumed.values, (await run({ plan })).values);
  });

  /** The student with the gradient of a study's predictions infinite where the first pixel of its ED frame is black. */
  function blackIsInfinite({ forward, ...student }: Student): Student {
    return {
      ...student,
      forward: (frames, key) => {
        const { targets, features } = forward(frames, key);
        const factor = tf.tidy(() => {
          const pixel = tf.reshape(tf.slice(frames.ED, [0, 0, 0, 0], [-1, 1, 1, 1]), [-1, 1]);
          return tf.div(1, tf.minimum(tf.mul(tf.abs(pixel), 1e9), 1));
        });
        const same = tf.customGrad((x, save) => {
          (save as tf.GradSaveFunc)([factor]);
          const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(dy, saved[0]!);
          return { value: tf.clone(x as tf.Tensor), gradFunc };
        });
        return { targets: same(targets) as tf.Tensor2D, features };
      },
    };
  }

  it('names the group whose gradient is not finite though its losses are, clipped or not', async () => {
    for (const max_grad_norm of [1, null]) {
      const checkpoints = { folder: join(folder, `gradient-${max_grad_norm}`), resume: true };
      const plan = { ...tinyPlan, checkpointEvery: 1, max_grad_norm };
      let calls = 0;
      // Steps take 3, 3 and 1 micro-batches; the eighth is the first of the fourth step's three.
      const images = (indices: readonly number[]) => {
        const frames = data.images(indices) as { ED: tf.Tensor4D; ES: tf.Tensor4D };
        if (++calls !== 8) return frames;
        frames.ED.dispose();
        return { ...frames, ED: tf.zerosLike(frames.ES) };
      };
      const before = tf.memory().numTensors;
      await assert.rejects(
        run({ plan, checkpoints, data: { ...data, images }, change: blackIsInfinite }),
        /^BadInput: training step 3, studies (study-\d+, ){5}study-\d+: expected a finite gradient, got NaN/,
      );
      assert.equal(tf.memory().numTensors, before);
      assert.equal(stepsDone(checkpoints.folder), 3);
      const resumed = await run({ plan, checkpoints, seed: 2, change: blackIsInfinite });
      assert.deepEqual(resumed.values, (await run({ plan })).values);
    }
  });

  it('names the study whose feature loss is not finite, and a VAL study whose prediction is not', async () => {
    const plan = { ...tinyPlan, checkpointEvery: 1 };
    const teacher = (indices: readonly number[]) => {
      const [map] = data.teacher(indices) as [tf.Tensor4D];
      const size = map.size / 2 / indices.length;
      const values = map.dataSync<'float32'>().slice();
      if (indices.includes(12)) values[indices.indexOf(12) * size] = Infinity;
      const broken = tf.tensor4d(values, map.shape);
      map.dispose();
      return [broken];
    };
    const features = { folder: join(folder, 'nan-features'), resume: false };
    await assert.rejects(
      run({ plan, checkpoints: features, data: { ...data, teacher } }),
      /^BadInput: training step \d+, studies study-12: expected a finite loss/,
    );
    const images = (indices: readonly number[]) => {
      const { ED, ES } = data.images(indices) as { ED: tf.Tensor4D; ES: tf.Tensor4D };
      if (!indices.includes(8)) return { ED, ES };
      ED.dispose();
      return { ED: tf.fill(ES.shape, NaN) as tf.Tensor4D, ES };
    };
    const validation = { folder: join(folder, 'nan-validation'), resume: false };
    await assert.rejects(
      run({ plan, checkpoints: validation, data: { ...data, validation: [8], images } }),
      /^BadInput: validation after step 5, studies study-8: expected a finite prediction/,
    );
    assert.equal(stepsDone(validation.folder), 4);
  });
});
