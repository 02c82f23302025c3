import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { buildBridges, planBridges } from 'gemma-3ncore/bridges';
import { planOf } from 'gemma-3ncore/distill/plan';
import { train } from 'gemma-3ncore/distill/trainer';
import { trainedVariables } from 'gemma-3ncore/distill/variables';
import type { Experiment } from 'gemma-3ncore/schema/generated/experiment';
import { preset } from 'gemma-3ncore/schema/presets';
import { buildStudent } from 'gemma-3ncore/student_model';
import { choosePrefix, prefixMaps, studentPrefix, type PrefixMaps } from 'gemma-3ncore/student_prefix';
import { teacherFeatures } from 'gemma-3ncore/teacher_features';
import * as data from 'gemma-3ncore/training_data';
import { cohortInMemory, noiseStudies } from './support/cohort.js';
import { useEngine } from './support/engine.js';
import { useFolder } from './support/folder.js';

const cache = useFolder();

const tiny = preset('tiny');
const bridge = tiny.bridges[0]!;

/** Stages 2 and 3 are adapted; one bridge lies below, one above. */
const experiment: Experiment = {
  ...tiny,
  bridges: [
    { ...bridge, student: 'stage.0' },
    { ...bridge, student: 'output' },
  ],
  adapter: {
    ...tiny.adapter!,
    lora_dropout: 0.1,
    target_modules: '.*(blocks\\.[23]\\..*|msfa\\.ffn\\.)(pw_exp|pw_proj)\\.conv',
  },
  training: { ...tiny.training, steps: 6, feature_steps: 2, batch_size: 2, accumulation_steps: 2, validate_every: 2 },
};

const changed = (training: Partial<Experiment['training']>): Experiment => ({
  ...experiment,
  training: { ...experiment.training, ...training },
});

describe('student_prefix', () => {
  useEngine();
  const former = process.env['NCORE_CACHE'];
  before(() => {
    process.env['NCORE_CACHE'] = cache;
  });
  after(() => {
    if (former === undefined) delete process.env['NCORE_CACHE'];
    else process.env['NCORE_CACHE'] = former;
  });
  afterEach(() => {
    delete process.env['NCORE_CACHE_GB'];
  });

  it('is what lies below the first adapted block, with the maps that bridges want of it', () => {
    const { after: last, known, bytes, share } = studentPrefix(experiment)!;
    assert.deepEqual([last, known], ['blocks.1.0', ['blocks.0.0']]);
    // 64 px: 8×8×16 and 16×16×8 values.
    assert.equal(bytes, 4 * (8 * 8 * 16 + 16 * 16 * 8));
    assert.ok(share > 0.1 && share < 1, `${share}`);
  });

  it('says why it is not kept', () => {
    const reason = (of: Experiment, frames = 10): string | undefined => choosePrefix(of, frames).reason;
    assert.equal(reason(experiment), undefined);
    assert.match(reason(tiny)!, /first block is adapted/);
    assert.match(reason({ ...experiment, adapter: null })!, /every block is trained/);
    assert.match(reason(changed({ cache_prefix: false }))!, /cache_prefix is off/);
    assert.match(reason(changed({ augmentation: { gain: 0.1, speckle: 0, shadow: 0 } }))!, /augmentation/);
    assert.match(reason({ ...experiment, precision: 'llm_int8' })!, /llm_int8/);
    process.env['NCORE_CACHE_GB'] = '0.001';
    assert.match(reason(experiment, 1000)!, /would take 12 MB, the cache may take 1 MB/);
  });

  /** Trains anew; gives the losses and every trained value. */
  async function trainOnce(cohort: data.Cohort, prefix: PrefixMaps | undefined) {
    const planned = planBridges(experiment);
    const features = await teacherFeatures(experiment, planned, cohort, []);
    const student = buildStudent(experiment, ['stage.0', 'output']);
    const { bridges, dispose } = buildBridges(planned, 0);
    const matched = (studies: readonly number[]) => experiment.bridges.map((one) => features.matched(one, studies));
    const result = await train({
      student: prefix === undefined ? student : student.after(prefix.prefix),
      bridges,
      data: data.trainData(experiment, cohort, matched, prefix?.pairs),
      standardisation: cohort.standardisation,
      plan: planOf(experiment),
    });
    const variables = trainedVariables(student, bridges);
    const values = [...variables.values()].map((variable) => variable.dataSync<'float32'>().slice());
    student.dispose();
    dispose();
    features.close();
    return { result, values };
  }

  it('trains to the same bytes from kept maps, computed now or found, as from the frames', async () => {
    const cohort = cohortInMemory(noiseStudies(7));
    const before = tf.memory().numTensors;
    const without = await trainOnce(cohort, undefined);
    assert.deepEqual(without.result.untrained, []);
    for (const expected of [18, 0]) {
      const studies = [...cohort.train, ...cohort.validation];
      const maps = await prefixMaps(experiment, studentPrefix(experiment)!, cohort, studies);
      assert.deepEqual([maps.frames, maps.computed], [18, expected]);
      const { result, values } = await trainOnce(cohort, maps);
      assert.deepEqual(result, without.result);
      assert.deepEqual(values, without.values);
      maps.close();
    }
    assert.equal(tf.memory().numTensors, before);
  });
});
