import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { cacheFeatures, type FeatureRequest } from 'gemma-3ncore/data/feature_cache';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';

const folder = useFolder();

/** A teacher whose maps are the frame's number and its tenfold, and the frames it has been asked for. */
function request(changes: Partial<FeatureRequest> = {}): { request: FeatureRequest; asked: number[] } {
  const asked: number[] = [];
  const base: FeatureRequest = {
    title: 'Features',
    weights: 'w1',
    preprocessing: { height: 4, mean: [0.5, 0.5, 0.5] },
    maps: [
      { layer: 'hidden_states.2', grid: 2 },
      { layer: 'last_hidden_state', grid: 1 },
    ],
    dtype: 'float32',
    frames: ['f0', 'f1', 'f2', 'f1', 'f4'],
    batch: 2,
    images(frames) {
      asked.push(...frames);
      return tf.tidy(() => tf.tile(tf.reshape(tf.tensor1d([...frames]), [-1, 1, 1, 1]), [1, 4, 4, 3])) as tf.Tensor4D;
    },
    forward: (images) => [
      tf.slice(images, [0, 0, 0, 0], [-1, 2, 2, 3]),
      tf.tidy(() => tf.mul(tf.slice(images, [0, 0, 0, 0], [-1, 1, 1, 1]), 10)) as tf.Tensor4D,
    ],
  };
  return { request: { ...base, ...changes }, asked };
}

describe('data/feature_cache', () => {
  useEngine();
  before(() => {
    process.env['NCORE_CACHE'] = folder;
  });
  after(() => {
    delete process.env['NCORE_CACHE'];
  });

  it('computes each content once, in passes of one size, and leaks nothing', async () => {
    const first = request();
    const tensors = tf.memory().numTensors;
    const features = await cacheFeatures(first.request);
    assert.equal(tf.memory().numTensors, tensors);
    assert.equal(features.computed, 4);
    assert.deepEqual(first.asked, [0, 1, 2, 4]);
    const map = features.read(0, [4, 1, 3]);
    assert.deepEqual(map.shape, [3, 2, 2, 3]);
    assert.deepEqual(
      [...map.dataSync()].filter((_, i) => i % 12 === 0),
      [4, 1, 1],
    );
    const last = features.read(1, [2]);
    assert.deepEqual([...last.dataSync()], [20]);
    tf.dispose([map, last]);
    features.close();
  });

  it('computes nothing the second time, and only the new frames of a larger set', async () => {
    const again = request();
    const features = await cacheFeatures(again.request);
    assert.deepEqual([features.computed, again.asked], [0, []]);
    features.close();
    const larger = request({ frames: ['f0', 'f9', 'f4'] });
    const more = await cacheFeatures(larger.request);
    // The pass is filled up with its first frame.
    assert.deepEqual([more.computed, larger.asked], [1, [1, 1]]);
    more.close();
  });

  it('misses when weights, preprocessing, dtype, layer or grid change', async () => {
    const changes: Partial<FeatureRequest>[] = [
      { weights: 'w2' },
      { dtype: 'float16' },
      { preprocessing: { height: 4, mean: [0, 0, 0] } },
      {
        maps: [
          { layer: 'hidden_states.3', grid: 2 },
          { layer: 'last_hidden_state', grid: 1 },
        ],
      },
      {
        maps: [
          { layer: 'hidden_states.2', grid: 3 },
          { layer: 'last_hidden_state', grid: 1 },
        ],
      },
    ];
    for (const change of changes) {
      const features = await cacheFeatures(request(change).request);
      assert.equal(features.computed, 4, JSON.stringify(change));
      features.close();
    }
  });

  it('stores equal maps once', async () => {
    const map = { layer: 'last_hidden_state', grid: 1 };
    const one = (images: tf.Tensor4D): tf.Tensor4D => tf.slice(images, [0, 0, 0, 0], [-1, 1, 1, 1]);
    const twice = request({ weights: 'w4', maps: [map, map], forward: (images) => [one(images), one(images)] });
    const shards = (): number => {
      const names = readdirSync(join(folder, 'features'), { recursive: true, encoding: 'utf8' });
      return names.filter((name) => name.endsWith('.safetensors')).length;
    };
    const before = shards();
    const features = await cacheFeatures(twice.request);
    assert.equal(shards(), before + 1);
    const maps = [0, 1].map((i) => features.read(i, [4, 2]));
    for (const values of maps) assert.deepEqual([...values.dataSync()], [4, 2]);
    tf.dispose(maps);
    features.close();
  });

  it('stores half-precision values in half the bytes', async () => {
    const third = (images: tf.Tensor4D): tf.Tensor4D =>
      tf.tidy(() => tf.add(tf.slice(images, [0, 0, 0, 0], [-1, 1, 1, 1]), 1 / 3));
    const maps = [{ layer: 'last_hidden_state', grid: 1 }];
    const teacher = (images: tf.Tensor4D): tf.Tensor4D[] => [third(images)];
    const features = await cacheFeatures(request({ weights: 'w5', dtype: 'float16', maps, forward: teacher }).request);
    const values = features.read(0, [0, 4]);
    // 1/3 and 4 1/3 in half precision (numpy.float16).
    assert.deepEqual([...values.dataSync()], [0.333251953125, 4.33203125]);
    values.dispose();
    features.close();
  });

  it('refuses values that half precision cannot hold, naming the layer and what to do', async () => {
    const maps = [{ layer: 'hidden_states.7', grid: 1 }];
    const teacher = (images: tf.Tensor4D): tf.Tensor4D[] => [
      tf.tidy(() => tf.mul(tf.slice(images, [0, 0, 0, 0], [-1, 1, 1, 1]), 66000)),
    ];
    const asked = request({ weights: 'w6', dtype: 'float16', maps, forward: teacher });
    await assert.rejects(cacheFeatures(asked.request), /hidden_states\.7: expected values below 65520, got 66000; set/);
  });

  it('keeps what an interrupted pass has computed', async () => {
    const controller = new AbortController();
    const stopped = request({ weights: 'w3', signal: controller.signal });
    const images = (frames: readonly number[]): tf.Tensor4D => {
      controller.abort(new Error('stopped'));
      return stopped.request.images(frames) as tf.Tensor4D;
    };
    await assert.rejects(cacheFeatures({ ...stopped.request, images }), /stopped/);
    const resumed = request({ weights: 'w3' });
    const features = await cacheFeatures(resumed.request);
    assert.deepEqual(resumed.asked, [2, 4]);
    features.close();
    const shards = readdirSync(join(folder, 'features'), { recursive: true }).map(String);
    assert.ok(shards.every((name) => !name.endsWith('.tmp')));
  });
});
