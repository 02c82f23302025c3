import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { saveAdapter } from 'gemma-3ncore/adapters/peft_files';
import { latestCheckpoint } from 'gemma-3ncore/distill/checkpoint';
import { labelsOf } from 'gemma-3ncore/distill/data';
import type { TrainEvent, ValidationRecord } from 'gemma-3ncore/distill/events';
import { stallsIn } from 'gemma-3ncore/distill/curriculum';
import { baselinePlan, type Stage, type TrainPlan } from 'gemma-3ncore/distill/plan';
import { squaredErrors } from 'gemma-3ncore/distill/objective';
import { createPredictor, predictionErrors, predictTargets } from 'gemma-3ncore/distill/predict';
import { train, type TrainResult } from 'gemma-3ncore/distill/trainer';
import { fold, Random, type Key } from 'gemma-3ncore/tree/random';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { runTiny as run, type TinySettings, tinyStandardisation, tinyTraining } from '../support/run_tiny.js';
import { tiny, tinyLora, tinyPlan, tinySpec } from '../support/tiny_student.js';

const folder = useFolder();
const data = tinyTraining;
const standardisation = tinyStandardisation;

describe('distill/trainer', () => {
  useEngine();

  it('tells every step, validation and checkpoint, and lowers the loss', async () => {
    const events: TrainEvent[] = [];
    const checkpoints = { folder: join(folder, 'events'), resume: false };
    const { result } = await run({ checkpoints, onEvent: (event) => events.push(event) });
    assert.equal(result.steps, 10);
    assert.deepEqual(
      events.map(({ kind }) => kind),
      [
        ...['step', 'step', 'step', 'checkpoint', 'step', 'step', 'validation', 'step', 'checkpoint'],
        ...['step', 'step', 'step', 'checkpoint', 'step', 'validation', 'checkpoint'],
      ],
    );
    assert.equal(readdirSync(checkpoints.folder).length, 4);
    const first = result.history[0]!;
    assert.deepEqual([first.samples, first.taskWeight, first.featureWeight], [6, 0, 3]);
    assert.equal(result.history[4]!.labelled, 3);
    assert.ok(result.history[3]!.feature! < first.feature!);
    assert.deepEqual(result.untrained, []);
  });

  it('takes the last, smaller group of an epoch as it is', async () => {
    const { result } = await run({});
    // 14 TRAIN studies in groups of 6: 6, 6, 2, and again.
    assert.deepEqual(
      result.history.slice(0, 4).map(({ samples }) => samples),
      [6, 6, 2, 6],
    );
  });

  it('trains to the same bytes with the same seed, and to others with another', async () => {
    const [a, b, c] = [await run({}), await run({}), await run({ plan: { ...tinyPlan, seed: 4 } })];
    assert.deepEqual(a.values, b.values);
    assert.deepEqual(a.result, b.result);
    assert.notDeepEqual(a.values, c.values);
  });

  it('saves byte-identical adapters', async () => {
    const files = ['first', 'second'].map((name) => join(folder, name));
    for (const path of files) {
      const { student, bridges, dispose } = tiny(1);
      const writeModel = (to: string) => saveAdapter(to, student.params.backbone, tinySpec.backbone, tinyLora);
      await train({
        student,
        bridges,
        data,
        standardisation,
        plan: tinyPlan,
        checkpoints: { folder: path, resume: false, writeModel },
      });
      dispose();
    }
    const [first, second] = files.map((path) =>
      readFileSync(join(path, readdirSync(path).sort().at(-1)!, 'adapter_model.safetensors')),
    );
    assert.deepEqual(first, second);
  });

  /** The data, aborting after so many micro-batches of images; every micro-batch of training and VAL asks for them. */
  function abortingData(after: number, controller: AbortController): typeof data {
    let calls = 0;
    return {
      ...data,
      images: (indices) => {
        if (++calls === after) controller.abort(new Error('stopped'));
        return data.images(indices);
      },
    };
  }

  it('resumes after an interruption at any micro-batch, in a step or a validation, to the same bytes', async () => {
    const split = { ...data, train: data.train.slice(2), validation: [0, 1, ...data.validation] };
    const plan = { ...tinyPlan, validateEvery: 2, earlyStopping: 3, checkpointEvery: 0 };
    const whole = await run({ plan, data: split });
    let inValidation = 0;
    for (let after = 1; ; after++) {
      const checkpoints = { folder: join(folder, `anywhere-${after}`), resume: true };
      const controller = new AbortController();
      const aborting = { ...split, images: abortingData(after, controller).images };
      const stopped = run({ plan, data: aborting, checkpoints, signal: controller.signal });
      const reached = await stopped.catch((error: unknown) => {
        assert.match(String(error), /stopped/);
        return undefined;
      });
      const state = JSON.parse(readFileSync(join(latestCheckpoint(checkpoints.folder)!, 'trainer.json'), 'utf8')) as {
        step: number;
        validations: { step: number }[];
      };
      if (state.step > 0 && state.step % 2 === 0 && state.validations.at(-1)?.step !== state.step) inValidation += 1;
      const resumed = await run({ plan, data: split, checkpoints, seed: 2 });
      assert.deepEqual({ ...resumed.result, checkpoint: undefined }, whole.result);
      assert.deepEqual(resumed.values, whole.values);
      if (reached !== undefined) break;
    }
    assert.ok(inValidation >= 3, `${inValidation} interruptions fell into a validation`);
  });

  /** Interrupts a run after each of the steps and compares what resuming gives with the run that was let be. */
  async function assertResumes(name: string, stops: readonly number[], settings: TinySettings): Promise<TrainResult> {
    const whole = await run(settings);
    for (const stopAfter of stops) {
      const checkpoints = { folder: join(folder, `${name}-${stopAfter}`), resume: true };
      const controller = new AbortController();
      const onEvent = (event: TrainEvent): void => {
        if (event.kind === 'step' && event.record.step + 1 === stopAfter) controller.abort(new Error('stopped'));
      };
      await assert.rejects(run({ ...settings, checkpoints, onEvent, signal: controller.signal }), /stopped/);
      // The new student starts from other values: everything has to come from the checkpoint.
      const resumed = await run({ ...settings, checkpoints, seed: 2 });
      assert.deepEqual({ ...resumed.result, checkpoint: undefined }, whole.result);
      assert.deepEqual(resumed.values, whole.values);
    }
    return whole.result;
  }

  it('resumes after an interruption at any step to the bytes of the uninterrupted run', async () => {
    const result = await assertResumes('resume', [1, 4, 5, 8], {});
    assert.equal(result.history.length, 10);
  });

  /** A rate that makes the loss on VAL stall. */
  const restless = { ...tinyPlan, validateEvery: 1, rate: { ...tinyPlan.rate, peak: 0.2, plateauPatience: 1 } };

  it('lowers weight and rate when VAL stalls, and goes on from there when resumed', async () => {
    const [features, task] = tinyPlan.stages as [Stage, Stage];
    const featureWeight = { kind: 'plateau', start: 3, end: 1, patience: 1, factor: 0.5 } as const;
    const plan = { ...restless, stages: [features, { ...task, featureWeight }] };
    const { history, validations } = await assertResumes('plateau', [6, 8, 9], { plan });
    const losses = validations.filter(({ step }) => step > 4).map(({ task: loss }) => loss);
    const stalls = losses.map((_, i) => stallsIn(losses.slice(0, i), 1));
    assert.ok(stalls.at(-1)! > 0);
    assert.deepEqual(
      history.slice(4).map((record) => record.featureWeight),
      stalls.map((n) => 1 + 2 * 0.5 ** n),
    );
    const plain = await run({ plan: { ...plan, rate: { ...plan.rate, plateauPatience: null } } });
    assert.deepEqual(
      history.slice(4).map(({ rate }, i) => rate / plain.result.history[4 + i]!.rate),
      stalls.map((n) => 0.5 ** n),
    );
  });

  it('stops early when the last stage has stalled, leaves a checkpoint and stays stopped when resumed', async () => {
    const plan = { ...restless, earlyStopping: 1, checkpointEvery: 0 };
    const checkpoints = { folder: join(folder, 'early'), resume: true };
    const { result, values } = await run({ plan, checkpoints });
    const losses = result.validations.filter(({ step }) => step > 4).map(({ task }) => task);
    assert.ok(result.steps < 10, 'the loss never stalled');
    assert.equal(result.steps, 4 + losses.length);
    assert.ok(losses.at(-1)! >= losses.at(-2)!);
    assert.ok(losses.slice(1, -1).every((loss, i) => loss < losses[i]!));
    assert.ok(result.checkpoint !== undefined);
    const again = await run({ plan, checkpoints, seed: 2 });
    assert.deepEqual(again.result, result);
    assert.deepEqual(again.values, values);
    await assertResumes('early', [3, result.steps - 1], { plan: { ...plan, checkpointEvery: 1 } });
  });

  it('resumes to the same bytes with every option at once, augmentation among them', async () => {
    const augmented = (indices: readonly number[], key?: Key): { ED: tf.Tensor4D; ES: tf.Tensor4D } => {
      const { ED, ES } = data.images(indices) as { ED: tf.Tensor4D; ES: tf.Tensor4D };
      if (key === undefined) return { ED, ES };
      const gains = indices.map((_, place) => [[[1 + 0.2 * new Random(fold(key, place)).normal()]]]);
      const louder = (frames: tf.Tensor4D): tf.Tensor4D => tf.tidy(() => tf.mul(frames, tf.tensor4d(gains)));
      const changed = { ED: louder(ED), ES: louder(ES) };
      tf.dispose([ED, ES]);
      return changed;
    };
    const plan: TrainPlan = {
      ...restless,
      losses: { feature: 'cosine', task: 'huber', targetWeights: [1, 0.5, 2], consistency: 0.1 },
      augmentation: { gain: 0.1, speckle: 0.1, shadow: 0.1 },
      balanceEF: true,
      earlyStopping: 5,
      checkpointEvery: 1,
      optimizer: { ...tinyPlan.optimizer, decay_vectors: false },
    };
    const settings = { plan, data: { ...data, images: augmented } };
    const { history, validations } = await assertResumes('options', [2, 6], settings);
    const plain = await run({ ...settings, plan: { ...plan, augmentation: null } });
    assert.notDeepEqual(plain.result.history[0]!.task, history[0]!.task);
    assert.equal(validations.length, history.length);
  });

  it('ends with the parameters that did best on VAL', async () => {
    const { student, bridges, dispose } = tiny(1);
    const plan = { ...tinyPlan, validateEvery: 1, rate: { ...tinyPlan.rate, peak: 0.2 } };
    const result = await train({ student, bridges, data, standardisation, plan });
    const losses = result.validations.map(({ task }) => task);
    const best = Math.min(...losses);
    assert.equal(result.chosenStep, losses.indexOf(best) + 1);
    const predictor = createPredictor(student);
    const predicted = await predictTargets(predictor, data, data.validation, plan.batch, standardisation);
    const labels = labelsOf(data, data.validation);
    assert.equal(predictionErrors(predicted, labels, standardisation, squaredErrors).task, best);
    predictor.dispose();
    dispose();
  });

  it('chooses, stops and stalls by the task loss as it is trained on, or by EF alone', async () => {
    const losses = { ...tinyPlan.losses, task: 'l1', targetWeights: [1, 0, 3] } as const;
    const plan = { ...restless, losses };
    const figures = { task_loss: (v: ValidationRecord) => v.task, EF_mae: (v: ValidationRecord) => v.mae[2] };
    for (const monitor of ['task_loss', 'EF_mae'] as const) {
      const { result } = await run({ plan: { ...plan, monitor } });
      const values = result.validations.map(figures[monitor]);
      assert.equal(result.chosenStep, values.indexOf(Math.min(...values)) + 1);
      const ofTask = values.slice(4);
      const [rates, plain] = [result.history.slice(4), (await run({ plan: tinyPlan })).result.history.slice(4)];
      rates.forEach(({ rate }, i) => {
        const halvings = Math.round(Math.log2(((plain[i]!.rate / tinyPlan.rate.peak) * restless.rate.peak) / rate));
        assert.equal(halvings + 0, stallsIn(ofTask.slice(0, i), 1));
      });
      for (const { task, mae } of result.validations) {
        assert.ok(
          Math.abs(task - (mae[0] / standardisation.std[0] + (3 * mae[2]) / standardisation.std[2]) / 4) < 1e-5,
        );
      }
    }
  });

  it('refuses a checkpoint of another plan', async () => {
    const checkpoints = { folder: join(folder, 'other-plan'), resume: true };
    await run({ checkpoints });
    await assert.rejects(
      run({ checkpoints, plan: { ...tinyPlan, batch: 3 } }),
      /expected a checkpoint of the same plan, studies and trained parameters/,
    );
  });

  it('trains the baseline without a teacher in as many steps', async () => {
    const teacher = (): never => assert.fail('the teacher was asked');
    const plan = baselinePlan(tinyPlan);
    const { result } = await run({ bridges: [], plan, data: { ...data, teacher } });
    assert.equal(result.steps, 10);
    assert.ok(result.history.every(({ feature, labelled, samples }) => feature === null && labelled === samples));
    assert.ok(result.history.at(-1)!.task! < result.history[0]!.task!);
  });

  it('leaves the number of tensors unchanged over 200 steps', async () => {
    const counts: number[] = [];
    const stage = { ...tinyPlan.stages[1]!, steps: 200 };
    const plan = { ...tinyPlan, stages: [stage], validateEvery: 50, batch: 1, accumulate: 2 };
    const before = tf.memory().numTensors;
    const onEvent = (event: TrainEvent): void => {
      if (event.kind === 'step') counts.push(tf.memory().numTensors);
    };
    await run({ plan, onEvent });
    assert.equal(counts.length, 200);
    // Steps are compiled at the first one, the forward pass of VAL at the 50th; both keep what they capture.
    assert.equal(new Set(counts.slice(0, 50)).size, 1);
    assert.equal(new Set(counts.slice(50)).size, 1);
    assert.equal(tf.memory().numTensors, before);
  });
});
