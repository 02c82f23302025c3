import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { buildBridges, planBridges } from 'gemma-3ncore/bridges';
import { preprocess } from 'gemma-3ncore/data/preprocess';
import { train } from 'gemma-3ncore/distill/trainer';
import { planOf } from 'gemma-3ncore/distill/plan';
import { pooledTeacherGrid } from 'gemma-3ncore/models/projector';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import type { Experiment } from 'gemma-3ncore/schema/generated/experiment';
import { preset } from 'gemma-3ncore/schema/presets';
import { buildStudent } from 'gemma-3ncore/student_model';
import { teacherFeatures } from 'gemma-3ncore/teacher_features';
import * as data from 'gemma-3ncore/training_data';
import { disposeParams } from 'gemma-3ncore/tree/params';
import { openTeacher } from 'gemma-3ncore/weights';
import { cohortInMemory, noiseStudies } from './support/cohort.js';
import { assertClose } from './support/compare.js';
import { useEngine } from './support/engine.js';
import { useFolder } from './support/folder.js';

const cache = useFolder();

const tiny = preset('tiny');
const bridge = tiny.bridges[0]!;
const experiment: Experiment = {
  ...tiny,
  bridges: [bridge, { ...bridge, student: 'stage.2' }, { ...bridge, teacher: 'hidden_states.1', student: 'output' }],
};

describe('teacher_features', () => {
  useEngine();
  const former = process.env['NCORE_CACHE'];
  before(() => {
    process.env['NCORE_CACHE'] = cache;
  });
  after(() => {
    if (former === undefined) delete process.env['NCORE_CACHE'];
    else process.env['NCORE_CACHE'] = former;
  });

  it('gives each bridge the features of its own layer and of the frames asked for, ED above ES', async () => {
    const cohort = cohortInMemory(noiseStudies(4));
    const before = tf.memory().numTensors;
    const features = await teacherFeatures(experiment, planBridges(experiment), cohort, cohort.validation);
    // ED and ES of four TRAIN and two VAL studies.
    assert.deepEqual([features.computed, features.frames], [12, 12]);
    const [index] = cohort.train.slice(2);
    const maps = experiment.bridges.map((config) => features.matched(config, [index!]));
    const { params, config } = openTeacher(experiment.teacher.weights, experiment.seed);
    const { ED, ES } = await cohort.frames.read(cohort.decoded[index!]!);
    const images = preprocess([ED, ES], data.preprocessingOf(experiment.teacher.preprocessing));
    for (const [i, { teacher }] of experiment.bridges.entries()) {
      const expected = tf.tidy(() => {
        const found = siglip.forward(params, images, config, { features: [teacher], interpolatePosEncoding: true });
        return pooledTeacherGrid(found[teacher] as tf.Tensor3D, [4, 4], [2, 2]);
      });
      assert.deepEqual(maps[i]!.shape, expected.shape);
      // float32 in batches of another size.
      assertClose(maps[i]!.dataSync(), expected.dataSync(), 1e-5, teacher);
      expected.dispose();
    }
    tf.dispose([images, ...maps]);
    disposeParams(params);
    features.close();
    assert.equal(tf.memory().numTensors, before);
    const again = await teacherFeatures(experiment, planBridges(experiment), cohort, cohort.validation);
    assert.equal(again.computed, 0);
    again.close();
  });

  it('trains several bridges at once, every one of them', async () => {
    const cohort = cohortInMemory(noiseStudies(6), 4);
    const planned = planBridges(experiment);
    const before = tf.memory().numTensors;
    const features = await teacherFeatures(experiment, planned, cohort, []);
    const student = buildStudent(
      experiment,
      experiment.bridges.map((config) => config.student),
    );
    const { bridges, dispose } = buildBridges(planned, 0);
    const plan = planOf({ ...experiment, training: { ...experiment.training, steps: 6, feature_steps: 4 } });
    const trained = data.trainData(experiment, cohort, (studies) =>
      experiment.bridges.map((config) => features.matched(config, studies)),
    );
    const result = await train({ student, bridges, data: trained, standardisation: cohort.standardisation, plan });
    assert.deepEqual(result.untrained, []);
    assert.ok(result.history[3]!.feature! < result.history[0]!.feature!);
    student.dispose();
    dispose();
    features.close();
    assert.equal(tf.memory().numTensors, before);
  });

  it("gives the probe each study's mean token of ED and then of ES, of whatever split", async () => {
    const cohort = cohortInMemory(noiseStudies(3));
    const features = await teacherFeatures(experiment, [], cohort, cohort.test);
    const studies = [cohort.test[1]!, cohort.train[2]!];
    const pooled = features.pooled(studies);
    const { params, config } = openTeacher(experiment.teacher.weights, experiment.seed);
    for (const [i, study] of studies.entries()) {
      const { ED, ES } = await cohort.frames.read(cohort.decoded[study]!);
      const images = preprocess([ED, ES], data.preprocessingOf(experiment.teacher.preprocessing));
      const expected = tf.tidy(() => {
        const wanted = { features: ['last_hidden_state'], interpolatePosEncoding: true };
        return tf.mean(siglip.forward(params, images, config, wanted)['last_hidden_state']!, 1).flatten();
      });
      // float32 in batches of another size.
      assertClose(pooled[i]!, expected.dataSync(), 1e-5);
      tf.dispose([images, expected]);
    }
    disposeParams(params);
    features.close();
  });
});
