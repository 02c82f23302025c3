import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { float32Data, openSafetensors, writeSafetensors, type StreamedTensor } from 'gemma-3ncore/files/safetensors';
import { toFloat32 } from 'gemma-3ncore/files/safetensors_values';
import { loadCheckpoint, prefixOf } from 'gemma-3ncore/models/checkpoint';
import { disposeParams, flattenParams, load } from 'gemma-3ncore/tree/params';
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

type WholeTensor = Omit<StreamedTensor, 'make'> & { make(): Uint8Array };

/** A checkpoint in two shards with prefix `m.`, its values bytes 0, 1, 2 … of the type; `change` alters the second shard's. */
async function shardedCheckpoint(name: string, dtype: string, size: number, change: Partial<WholeTensor> = {}) {
  const place = join(folder, name);
  mkdirSync(place);
  const stem = { dtype, shape: [2, 1, 1, 1], make: () => Uint8Array.from({ length: 2 * size }, (_, i) => i) };
  const norm = { dtype, shape: [2], make: () => Uint8Array.from({ length: 2 * size }, (_, i) => 60 - i), ...change };
  const files = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
  await writeSafetensors(join(place, files[0]), new Map([[`m.${anchor}`, stem]]));
  await writeSafetensors(join(place, files[1]), new Map([['m.norm.weight', norm]]));
  const index = join(place, 'model.safetensors.index.json');
  writeFileSync(index, JSON.stringify({ weight_map: { [`m.${anchor}`]: files[0], 'm.norm.weight': files[1] } }));
  const values = [stem, norm].map(({ make }) => [...toFloat32(dtype, make())]);
  return { index, folder: place, values };
}

describe('models/checkpoint', () => {
  useEngine();

  // As SigLIP, MedGemma and Gemma 3n are or were stored.
  const prefixes = [
    '',
    'vision_model.',
    'vision_tower.vision_model.',
    'model.vision_tower.vision_model.',
    'model.vision_tower.',
    'model.vision_tower.timm_model.',
  ];
  for (const prefix of prefixes) {
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

  for (const [dtype, size] of [
    ['F64', 8],
    ['F32', 4],
    ['F16', 2],
    ['BF16', 2],
  ] as const) {
    it(`reads weights of type ${dtype} through an index, from shards`, async () => {
      const { index, values } = await shardedCheckpoint(`s${dtype}`, dtype, size);
      const params = loadCheckpoint(spec, index, anchor);
      assert.deepEqual(
        [...flattenParams(params).values()].map((leaf) => (leaf.kind === 'dense' ? [...leaf.value.dataSync()] : [])),
        values,
      );
      disposeParams(params);
    });
  }

  it('checks names, shapes and types of every shard before anything is read', async () => {
    const wrong: [Partial<WholeTensor>, RegExp][] = [
      [{ shape: [1, 2] }, /index\.json, entry m\.norm\.weight: expected shape \[2\], got \[1, 2\]/],
      [{ dtype: 'I32', make: () => new Uint8Array(8) }, /entry m\.norm\.weight: expected weights of type .*, got I32/],
      [{ dtype: 'I8', make: () => new Uint8Array(2) }, /entry m\.norm\.weight: expected weights of type .*, got I8/],
    ];
    for (const [i, [change, message]] of wrong.entries()) {
      const { index } = await shardedCheckpoint(`wrong${i}`, 'F32', 4, change);
      const before = tf.memory();
      assert.throws(() => loadCheckpoint(spec, index, anchor), message);
      assert.equal(tf.memory().numTensors, before.numTensors);
    }
  });

  it('needs only the shards that hold the model', async () => {
    const { index, folder: place } = await shardedCheckpoint('partial', 'F32', 4);
    const { weight_map } = JSON.parse(readFileSync(index, 'utf8')) as { weight_map: Record<string, string> };
    weight_map['language_model.lm_head.weight'] = 'model-00003-of-00003.safetensors';
    writeFileSync(index, JSON.stringify({ weight_map }));
    disposeParams(loadCheckpoint(spec, index, anchor));
    rmSync(join(place, 'model-00002-of-00002.safetensors'));
    assert.throws(
      () => loadCheckpoint(spec, index, anchor),
      /index\.json, entry m\.norm\.weight: expected model-00002-of-00002\.safetensors beside it, got no such file/,
    );
  });

  it('frees what it has read when a file changes under it', async () => {
    const { index, folder: place } = await shardedCheckpoint('shrunk', 'F32', 4);
    const source = openSafetensors(index);
    source.shapeOf('m.norm.weight');
    const shard = join(place, 'model-00002-of-00002.safetensors');
    truncateSync(shard, statSync(shard).size - 4);
    const before = tf.memory().numTensors;
    assert.throws(
      () => load(spec, source, (path) => `m.${path}`),
      /model-00002-of-00002\.safetensors: expected \d+ bytes/,
    );
    assert.equal(tf.memory().numTensors, before);
    source.close();
  });

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
