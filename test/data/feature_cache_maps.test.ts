import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { cacheFeatures, type Features } from 'gemma-3ncore/data/feature_cache';
import { cachedMaps, cacheCap, holdMaps, makeMapFolder, pruneMaps } from 'gemma-3ncore/data/feature_cache_maps';
import { cli } from '../support/cli.js';
import { useEngine } from '../support/engine.js';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();
let cache: string;
let number = 0;

/** A map of about `kilobytes`, last used `minutes` ago. */
async function makeMap(layer: string, kilobytes: number, minutes: number): Promise<string> {
  const folder = await makeMapFolder({ weights: 'w', preprocessing: null, layer, grid: 7, dtype: 'float32' });
  writeFileSync(join(folder, 'x.safetensors'), Buffer.alloc(1000 * kilobytes));
  const then = new Date(Date.now() - 60_000 * minutes);
  utimesSync(folder, then, then);
  return folder;
}

const layers = (): (string | undefined)[] => cachedMaps().map(({ layer }) => layer);

/** Features of one frame, 16 kB. */
function features(layer: string): Promise<Features> {
  return cacheFeatures({
    ...{ weights: 'w', preprocessing: null, maps: [{ layer, grid: 2 }], dtype: 'float32', frames: ['f'], batch: 1 },
    images: () => tf.zeros([1, 1, 1, 1]),
    title: 'Features',
    forward: () => [tf.zeros([1, 2, 2, 1000])],
  });
}

describe('data/feature_cache_maps', () => {
  useEngine();
  beforeEach(() => {
    cache = folderFor(`cache-${number++}`);
    process.env['NCORE_CACHE'] = cache;
  });
  afterEach(() => {
    delete process.env['NCORE_CACHE'];
    delete process.env['NCORE_CACHE_GB'];
  });

  it('lists the maps, the least recently used first', async () => {
    assert.deepEqual(cachedMaps(), []);
    await makeMap('b', 20, 1);
    const folder = await makeMap('a', 10, 5);
    mkdirSync(join(cache, 'features', 'unknown'));
    const [first] = cachedMaps();
    assert.deepEqual(layers(), ['a', 'b', undefined]);
    assert.deepEqual([first!.folder, first!.grid, first!.inUse], [folder, 7, false]);
    assert.ok(first!.bytes > 10_000 && first!.bytes < 10_300);
  });

  it('removes the least recently used until the rest fits, never what is in use', async () => {
    const oldest = await makeMap('oldest', 100, 50);
    for (const [i, layer] of ['old', 'young', 'youngest'].entries()) await makeMap(layer, 100, 40 - 10 * i);
    const release = holdMaps([oldest]);
    // To be in use is to be used now.
    assert.deepEqual(layers(), ['old', 'young', 'youngest', 'oldest']);
    const removed = await pruneMaps(250_000);
    assert.deepEqual(
      removed.map(({ layer }) => layer),
      ['old', 'young'],
    );
    await pruneMaps(0);
    assert.deepEqual(layers(), ['oldest']);
    release();
    await pruneMaps(0);
    assert.deepEqual(layers(), []);
  });

  it('forgets what a killed process held', async () => {
    const folder = await makeMap('a', 10, 5);
    const leases = join(cache, 'features', '.in_use');
    mkdirSync(leases);
    // Above the largest process number of Linux.
    writeFileSync(join(leases, '4194999.x'), basename(folder));
    assert.equal(cachedMaps()[0]!.inUse, false);
    assert.deepEqual(readdirSync(leases), []);
  });

  it('makes room for a new experiment by the cap, before and after', async () => {
    for (const [i, layer] of ['a', 'b', 'c'].entries()) await makeMap(layer, 30, 30 - i);
    process.env['NCORE_CACHE_GB'] = String(60e-6);
    const first = await features('new');
    assert.deepEqual(layers(), ['c', 'new']);
    // The same again finds it and keeps below the cap.
    await makeMap('d', 40, 20);
    const again = await features('new');
    assert.deepEqual([again.computed, layers()], [0, ['d', 'new']]);
    first.close();
    again.close();
    assert.ok(cachedMaps().every(({ inUse }) => !inUse));
  });

  it('keeps the features of a run even where they alone are above the cap', async () => {
    process.env['NCORE_CACHE_GB'] = '0';
    const held = await features('large');
    assert.deepEqual(layers(), ['large']);
    const map = held.read(0, [0]);
    assert.deepEqual(map.shape, [1, 2, 2, 1000]);
    map.dispose();
    held.close();
  });

  it('refuses a cap that is no number', async () => {
    for (const text of ['much', '-1', 'Infinity']) {
      process.env['NCORE_CACHE_GB'] = text;
      assert.throws(cacheCap, { name: 'BadInput', message: /^NCORE_CACHE_GB: expected a number of gigabytes/ });
    }
    await assert.rejects(features('a'), { name: 'BadInput' });
    process.env['NCORE_CACHE_GB'] = '';
    assert.equal(cacheCap(), undefined);
  });

  it('refuses a cache that is no folder', async () => {
    writeFileSync(join(cache, 'file'), '');
    process.env['NCORE_CACHE'] = join(cache, 'file');
    await assert.rejects(features('a'), {
      name: 'BadInput',
      message: /in_use: expected a cache to write to, got a path/,
    });
  });

  it('is shown and pruned by 3ncore cache', async () => {
    for (const [i, layer] of ['a', 'b'].entries()) await makeMap(layer, 1000, 30 - i);
    const env = { NCORE_CACHE: cache };
    const shown = await cli(['cache'], { env });
    assert.match(shown.stdout, /features: 2 maps, 2\.0 MB; no cap/);
    assert.match(shown.stdout, /^map +layer +grid +MB +last used +in use\n[0-9a-f]{32} +a +7 +1\.0 +\S+Z +no\n/m);
    const refused = await cli(['cache', '--prune'], { env });
    assert.deepEqual([refused.code, refused.stdout], [2, '']);
    assert.match(refused.stderr, /--prune: expected a size to prune to, got none; give --gb N/);
    const pruned = await cli(['cache', '--prune', '--json'], { env: { ...env, NCORE_CACHE_GB: '0.0015' } });
    const { maps, removed } = JSON.parse(pruned.stdout) as Record<'maps' | 'removed', { layer: string }[]>;
    assert.deepEqual([maps.map(({ layer }) => layer), removed.map(({ layer }) => layer)], [['b'], ['a']]);
    const emptied = await cli(['cache', '--prune', '--gb', '0'], { env });
    assert.match(emptied.stdout, /features: 0 maps, 0\.0 MB; at most 0\.0 MB\nremoved 1 maps, 1\.0 MB/);
  });
});
