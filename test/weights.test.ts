import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { float32Data, openSafetensors, writeSafetensors } from 'gemma-3ncore/files/safetensors';
import { BadInput } from 'gemma-3ncore/host/errors';
import { projectPath } from 'gemma-3ncore/host/places';
import { disposeParams, flattenParams } from 'gemma-3ncore/tree/params';
import type { Params } from 'gemma-3ncore/tree/spec';
import { locateWeights, openStudentBase, openTeacher, weightsHash } from 'gemma-3ncore/weights';
import { useEngine } from './support/engine.js';
import { useTemporaryFolder } from './support/folder.js';
import { golden } from './support/goldens.js';

const folderFor = useTemporaryFolder();
const tower = golden('siglip', 'p14_56');

/** All values of a tower, which is freed. */
function valuesOf({ params }: { readonly params: Params }): number[] {
  const leaves = [...flattenParams(params).values()];
  const values = leaves.flatMap((leaf) => (leaf.kind === 'dense' ? [...leaf.value.dataSync()] : []));
  disposeParams(params);
  return values;
}

/** The golden tower in the hub's layout: config.json and a file whose entries stand under a prefix. */
async function hubFolder(name: string, prefix: string): Promise<string> {
  const folder = folderFor(name);
  const source = openSafetensors(join(tower, 'model.safetensors'));
  const entries = [...source.names()].map((entry) => {
    const data = float32Data(source.read(entry), source.shapeOf(entry));
    return [entry.replace(/^vision_model\./, prefix), data] as const;
  });
  source.close();
  await writeSafetensors(join(folder, 'model.safetensors'), new Map(entries));
  copyFileSync(join(tower, 'config.json'), join(folder, 'config.json'));
  return folder;
}

const isBadInput =
  (says: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof BadInput, String(error));
    assert.match(error.message, says);
    return !error.message.includes('\n');
  };

describe('weights', () => {
  useEngine();

  it('draws random ones from the seed', () => {
    for (const open of [
      (seed: number) => openTeacher('random:siglip-tiny', seed),
      (seed: number) => openStudentBase('random:mobilenetv5-tiny', seed),
    ]) {
      const [a, b, c] = [open(1), open(1), open(2)];
      assert.equal(a.sha256, b.sha256);
      assert.notEqual(a.sha256, c.sha256);
      const values = valuesOf(a);
      assert.deepEqual(values, valuesOf(b));
      assert.notDeepEqual(values, valuesOf(c));
    }
  });

  it('reads a folder in the layout of the hub, whatever stands before the names', async () => {
    const expected = valuesOf(openTeacher(tower, 0));
    for (const prefix of ['', 'vision_tower.vision_model.']) {
      const folder = await hubFolder(`prefix${prefix}`, prefix);
      assert.deepEqual(valuesOf(openTeacher(folder, 0)), expected);
    }
  });

  it('identifies them by configuration and files, whatever the seed', async () => {
    const place = locateWeights(await hubFolder('hash', ''));
    assert.equal(place.kind, 'folder');
    const hash = weightsHash(place, 0);
    assert.equal(hash, weightsHash(place, 1));
    assert.notEqual(hash, weightsHash(locateWeights(await hubFolder('other', 'x.')), 0));
    writeFileSync(place.config, '{"hidden_size": 24}');
    assert.notEqual(hash, weightsHash(place, 0));
  });

  it('finds the miniatures of the project by name', (context) => {
    const folder = projectPath('data-manifests', 'miniatures');
    if (!existsSync(folder)) return context.skip('there are no miniatures');
    const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'config.json')));
    assert.ok(names.length >= 2);
    const before = tf.memory().numTensors;
    for (const name of names) assert.equal(locateWeights(name).kind, 'folder');
    assert.ok(valuesOf(openTeacher('siglip-geometry', 0)).every(Number.isFinite));
    assert.ok(valuesOf(openStudentBase('mobilenetv5-shapes', 0)).every(Number.isFinite));
    assert.equal(tf.memory().numTensors, before);
  });

  it('says what to do about a name that leads nowhere', () => {
    for (const name of ['google/absent', 'random:absent', 'random:../datasets/phantom']) {
      const says = /: expected a folder with config\.json and safetensors files, .*got nothing of that name; download/;
      assert.throws(() => locateWeights(name), isBadInput(says));
    }
  });

  it('names the file that is damaged, missing or of another model', async () => {
    const before = tf.memory().numTensors;
    const folder = await hubFolder('damaged', '');
    const file = join(folder, 'model.safetensors');
    truncateSync(file, 5000);
    assert.throws(() => openTeacher(folder, 0), isBadInput(/model\.safetensors/));
    writeFileSync(file, 'no tensors');
    assert.throws(() => openTeacher(folder, 0), isBadInput(/model\.safetensors/));
    await writeSafetensors(file, new Map([['other.weight', float32Data(Float32Array.of(1), [1])]]));
    assert.throws(
      () => openTeacher(folder, 0),
      isBadInput(/expected one entry ending in embeddings\.patch_emb.*got none/),
    );
    const empty = folderFor('empty');
    copyFileSync(join(tower, 'config.json'), join(empty, 'config.json'));
    assert.throws(() => openTeacher(empty, 0), isBadInput(/empty: expected .*safetensors/));
    assert.equal(tf.memory().numTensors, before);
  });
});
