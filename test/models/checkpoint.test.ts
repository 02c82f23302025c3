import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { float32Data, openSafetensors, writeSafetensors } from 'gemma-3ncore/files/safetensors';
import { loadCheckpoint, prefixOf } from 'gemma-3ncore/models/checkpoint';
import { disposeParams, flattenParams } from 'gemma-3ncore/tree/params';
import { constant } from 'gemma-3ncore/tree/init';
import { param } from 'gemma-3ncore/tree/spec';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';

const folder = useFolder();
const anchor = 'stem.weight';
const spec = {
  stem: { weight: param([2, 1, 1, 1], 'conv1x1', constant(0)) },
  norm: { weight: param([2], 'same', constant(1)) },
};

async function checkpoint(name: string, names: readonly string[]): Promise<string> {
  const path = join(folder, `${name}.safetensors`);
  const shapeOf = (entry: string): number[] => (entry.endsWith(anchor) ? [2, 1, 1, 1] : [2]);
  await writeSafetensors(
    path,
    new Map(names.map((entry, i) => [entry, float32Data(Float32Array.of(i, i + 0.5), shapeOf(entry))])),
  );
  return path;
}

describe('models/checkpoint', () => {
  useEngine();

  for (const prefix of ['', 'vision_model.', 'model.vision_tower.timm_model.']) {
    it(`strips the prefix '${prefix}' and ignores other models`, async () => {
      const path = await checkpoint(`p${prefix}`, [
        `${prefix}stem.weight`,
        `${prefix}norm.weight`,
        'text_model.norm.weight',
      ]);
      const params = loadCheckpoint(spec, path, anchor);
      const values = [...flattenParams(params).values()].map((leaf) =>
        leaf.kind === 'dense' ? [leaf.value.shape, [...leaf.value.dataSync()]] : [],
      );
      assert.deepEqual(values, [
        [
          [2, 1],
          [0, 0.5],
        ],
        [[2], [1, 1.5]],
      ]);
      disposeParams(params);
    });
  }

  it('says which entry is missing, by its name in the file', async () => {
    const path = await checkpoint('missing', ['tower.stem.weight']);
    assert.throws(
      () => loadCheckpoint(spec, path, anchor),
      /missing\.safetensors: expected an entry tower\.norm\.weight/,
    );
  });

  it('refuses a file without the model and one with two of them', async () => {
    const none = openSafetensors(await checkpoint('none', ['norm.weight', 'substem.weight']));
    assert.throws(() => prefixOf(none, anchor), /expected one entry ending in stem\.weight, got none/);
    const two = openSafetensors(await checkpoint('two', ['a.stem.weight', 'b.stem.weight']));
    assert.throws(() => prefixOf(two, anchor), /got a\.stem\.weight, b\.stem\.weight/);
    none.close();
    two.close();
  });
});
