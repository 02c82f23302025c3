import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { buildBridges, planBridges } from 'gemma-3ncore/bridges';
import { preprocess } from 'gemma-3ncore/data/preprocess';
import { train } from 'gemma-3ncore/distill/trainer';
import { planOf } from 'gemma-3ncore/distill/plan';
import { BadInput } from 'gemma-3ncore/host/errors';
import { pooledTeacherGrid } from 'gemma-3ncore/models/projector';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import type { Experiment } from 'gemma-3ncore/schema/generated/experiment';
import { preset } from 'gemma-3ncore/schema/presets';
import { openStudies } from 'gemma-3ncore/studies';
import { buildStudent } from 'gemma-3ncore/student_model';
import * as data from 'gemma-3ncore/training_data';
import { disposeParams } from 'gemma-3ncore/tree/params';
import { openTeacher } from 'gemma-3ncore/weights';
import { aviFile } from './support/avi.js';
import { noiseStudies } from './support/cohort.js';
import { assertClose } from './support/compare.js';
import { goodStudy, writeEchoNet } from './support/echonet.js';
import { useEngine } from './support/engine.js';
import { useFolder, useTemporaryFolder } from './support/folder.js';

const folderFor = useTemporaryFolder();
const cache = useFolder();

const tiny = preset('tiny');
const bridge = tiny.bridges[0]!;
const experiment: Experiment = {
  ...tiny,
  bridges: [bridge, { ...bridge, student: 'stage.2' }, { ...bridge, teacher: 'hidden_states.1', student: 'output' }],
};

describe('training_data', () => {
  useEngine();
  const former = process.env['NCORE_CACHE'];
  before(() => {
    process.env['NCORE_CACHE'] = cache;
  });
  after(() => {
    if (former === undefined) delete process.env['NCORE_CACHE'];
    else process.env['NCORE_CACHE'] = former;
  });

  it('asks for each pooled map once', () => {
    const maps = data.pooledMaps([...experiment.bridges, { ...bridge, grid: 1 }].map((config) => ({ config })));
    assert.deepEqual(maps, [
      { layer: 'last_hidden_state', grid: 2 },
      { layer: 'hidden_states.1', grid: 2 },
      { layer: 'last_hidden_state', grid: 1 },
    ]);
  });

  it('shows the labels of the first so many TRAIN studies alone', () => {
    const loaded = noiseStudies(5);
    const { studies, train, validation, test, standardisation } = data.cohortOf(loaded, 2);
    assert.deepEqual(
      [train, validation, test].map((indices) => indices.map((i) => loaded[i]!.study.id)),
      [
        ['train-0', 'train-1', 'train-2', 'train-3', 'train-4'],
        ['val-0', 'val-1'],
        ['test-0', 'test-1'],
      ],
    );
    const known = studies.filter(({ targets }) => targets !== null).map(({ id }) => id);
    assert.deepEqual(known, ['train-0', 'val-0', 'test-0', 'val-1', 'train-1', 'test-1']);
    const [a, b] = [train[0]!, train[1]!].map((i) => loaded[i]!.study);
    assert.deepEqual(standardisation.mean, [(a!.EDV + b!.EDV) / 2, (a!.ESV + b!.ESV) / 2, (a!.EF + b!.EF) / 2]);
    assert.equal(data.cohortOf(loaded, null).studies.filter(({ targets }) => targets === null).length, 0);
  });

  it('gives each bridge the features of its own layer and of the frames asked for, ED above ES', async () => {
    const cohort = data.cohortOf(noiseStudies(4), null);
    const before = tf.memory().numTensors;
    const features = await data.teacherFeatures(experiment, planBridges(experiment), cohort);
    assert.equal(features.computed, 8);
    const [index] = cohort.train.slice(2);
    const maps = await data.trainData(experiment, cohort, features).teacher([index!]);
    const { params, config } = openTeacher(experiment.teacher.weights, experiment.seed);
    const { ED, ES } = cohort.loaded[index!]!.frames;
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
    const again = await data.teacherFeatures(experiment, planBridges(experiment), cohort);
    assert.equal(again.computed, 0);
    again.close();
  });

  it('trains several bridges at once, every one of them', async () => {
    const cohort = data.cohortOf(noiseStudies(6), 4);
    const planned = planBridges(experiment);
    const before = tf.memory().numTensors;
    const features = await data.teacherFeatures(experiment, planned, cohort);
    const student = buildStudent(
      experiment,
      experiment.bridges.map((config) => config.student),
    );
    const { bridges, dispose } = buildBridges(planned, 0);
    const plan = planOf({ ...experiment.training, steps: 6, feature_steps: 4 } as Experiment['training'], 0);
    const trained = data.trainData(experiment, cohort, features);
    const result = await train({ student, bridges, data: trained, standardisation: cohort.standardisation, plan });
    assert.deepEqual(result.untrained, []);
    assert.ok(result.history[3]!.feature! < result.history[0]!.feature!);
    student.dispose();
    dispose();
    features.close();
    assert.equal(tf.memory().numTensors, before);
  });

  it('reports frames that cannot be decoded and goes on', async () => {
    const root = folderFor('damaged');
    const studies = ['A', 'B', 'C', 'D'].map((id) => goodStudy(id));
    studies[3]!.list[0]!['Split'] = 'TEST';
    // A start of image without an image: header and index say nothing of it.
    const broken = aviFile(Array.from({ length: 12 }, () => Buffer.from([0xff, 0xd8, 1, 2, 3])));
    studies[0]!.videos = { 'A.avi': broken };
    writeEchoNet(root, studies);
    const set = await openStudies({ ...tiny, data: { ...tiny.data, dataset: 'echonet-dynamic', root } });
    assert.equal(set.studies.length, 4);
    const { loaded, unreadable } = await data.loadFrames(set.studies);
    assert.deepEqual(
      loaded.map(({ study }) => study.id),
      ['B', 'C', 'D'],
    );
    assert.deepEqual(
      unreadable.map(({ study }) => study.id),
      ['A'],
    );
    assert.match(unreadable[0]!.reason, /A\.avi, frame 8/);
  });

  it('refuses a folder with too few usable studies, and says what is wrong with one', async () => {
    const root = folderFor('few');
    const studies = ['A', 'B', 'C'].map((id) => goodStudy(id));
    studies[2]!.list[0]!['Split'] = 'TEST';
    writeEchoNet(root, studies);
    const config: Experiment = { ...tiny, data: { ...tiny.data, dataset: 'echonet-dynamic', root } };
    assert.equal((await openStudies(config)).studies.length, 3);
    writeFileSync(join(root, 'Videos', 'B.avi'), 'no video');
    await assert.rejects(openStudies(config), (error) => {
      assert.ok(error instanceof BadInput);
      assert.match(error.message, /few, split TRAIN: expected at least 2 usable studies, got 1 \(left out, .*B: video/);
      return true;
    });
  });
});
