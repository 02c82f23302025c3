import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { openFramePool } from 'gemma-3ncore/data/frame_pool';
import { openEngine } from 'gemma-3ncore/engine/open';
import { BadInput } from 'gemma-3ncore/host/errors';
import type { Experiment } from 'gemma-3ncore/schema/generated/experiment';
import { preset } from 'gemma-3ncore/schema/presets';
import { openStudies } from 'gemma-3ncore/studies';
import * as data from 'gemma-3ncore/training_data';
import { rootKey, type Key } from 'gemma-3ncore/tree/random';
import { aviFile, brokenImage } from './support/avi.js';
import { cohortInMemory, noiseStudies } from './support/cohort.js';
import { goodStudy, writeEchoNet } from './support/echonet.js';
import { useTemporaryFolder } from './support/folder.js';

const folderFor = useTemporaryFolder();

const tiny = preset('tiny');

describe('training_data', () => {
  it('shows the labels of the first so many TRAIN studies alone', () => {
    const loaded = noiseStudies(5);
    const { studies, train, validation, test, standardisation } = cohortInMemory(loaded, 2);
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
    assert.equal(cohortInMemory(loaded).studies.filter(({ targets }) => targets === null).length, 0);
  });

  it('augments the student’s frames only where a key is given', async () => {
    await openEngine();
    const loaded = noiseStudies(2);
    const off = data.trainData(tiny, cohortInMemory(loaded), () => []);
    const training = { ...tiny.training, augmentation: { gain: 0.2, speckle: 0.2, shadow: 0 } };
    const on = data.trainData({ ...tiny, training }, cohortInMemory(loaded), () => []);
    const of = async (from: typeof on, key?: Key): Promise<number[]> => {
      const { ED, ES } = await from.images([0, 1, 0], key);
      const values = [...ED.dataSync(), ...ES.dataSync()];
      tf.dispose([ED, ES]);
      return values;
    };
    const plain = await of(off);
    assert.deepEqual(await of(on), plain);
    assert.deepEqual(await of(off, rootKey(1)), plain);
    const changed = await of(on, rootKey(1));
    assert.notDeepEqual(changed, plain);
    assert.deepEqual(await of(on, rootKey(1)), changed);
    // A study that is drawn twice is changed in two ways.
    const size = plain.length / 6;
    assert.deepEqual(plain.slice(0, size), plain.slice(2 * size, 3 * size));
    assert.notDeepEqual(changed.slice(0, size), changed.slice(2 * size, 3 * size));
  });

  it('reports frames that cannot be decoded and goes on', async () => {
    const root = folderFor('damaged');
    const studies = ['A', 'B', 'C', 'D'].map((id) => goodStudy(id));
    studies[3]!.list[0]!['Split'] = 'TEST';
    const broken = aviFile(Array.from({ length: 12 }, () => brokenImage));
    studies[0]!.videos = { 'A.avi': broken };
    writeEchoNet(root, studies);
    const set = await openStudies({ ...tiny, data: { ...tiny.data, dataset: 'echonet-dynamic', root } });
    assert.equal(set.studies.length, 4);
    const pool = openFramePool(1);
    const { decoded, decoders, unreadable } = await data.decodeAll(pool, set.studies);
    await pool.close();
    assert.deepEqual(decoders, { mjpeg: 3 });
    assert.deepEqual(
      decoded.map(({ study }) => study.id),
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
