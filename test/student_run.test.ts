import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { planBridges } from 'gemma-3ncore/bridges';
import { preset } from 'gemma-3ncore/schema/presets';
import { runStudent, type TrainingContext } from 'gemma-3ncore/student_run';
import { teacherFeatures } from 'gemma-3ncore/teacher_features';

import { cohortInMemory, noiseStudies } from './support/cohort.js';
import { useEngine } from './support/engine.js';
import { useFolder } from './support/folder.js';

const root = useFolder();
const tiny = preset('tiny');
const experiment = { ...tiny, training: { ...tiny.training, steps: 3, feature_steps: 1 } };

describe('student_run', () => {
  useEngine();
  const former = process.env['NCORE_CACHE'];
  before(() => {
    process.env['NCORE_CACHE'] = root;
  });
  after(() => {
    if (former === undefined) delete process.env['NCORE_CACHE'];
    else process.env['NCORE_CACHE'] = former;
  });

  /** Trains in a folder of the test's; `context` changes what the run is given. */
  async function run(name: string, context: Partial<TrainingContext>): Promise<void> {
    const cohort = cohortInMemory(noiseStudies(7));
    const planned = planBridges(experiment);
    const features = await teacherFeatures(experiment, planned, cohort, []);
    const before = tf.memory().numTensors;
    const given = { experiment, cohort, planned, features, prefix: undefined, teacherHash: 'none', resume: false };
    try {
      const trained = await runStudent(
        { ...given, folder: join(root, name), onEvent: () => undefined, ...context },
        'distilled',
      );
      assert.equal(trained.predictions.size, cohort.validation.length + cohort.test.length);
      trained.dispose();
    } finally {
      assert.equal(tf.memory().numTensors, before);
      features.close();
    }
  }

  it('leaves a full model and no tensors', async () => {
    await run('sound', {});
    const [, full] = readdirSync(join(root, 'sound', 'checkpoints')).sort() as [string, string];
    assert.ok(existsSync(join(root, 'sound', 'checkpoints', full, 'student.safetensors')));
  });

  it('leaves no tensors where training fails', async () => {
    const onEvent = (): never => {
      throw new Error('no more events');
    };
    await assert.rejects(run('broken', { onEvent }), /no more events/);
    await assert.rejects(run('lacking', { features: undefined }), /features are not there yet/);
    assert.ok(!existsSync(join(root, 'broken', 'adapters')));
  });
});
