import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readJsonObject } from 'gemma-3ncore/files/json';
import { float32Data, openSafetensors, writeSafetensors, type StreamedTensor } from 'gemma-3ncore/files/safetensors';
import { writeCheckpoint } from 'gemma-3ncore/files/safetensors_shards';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();
const sizes = { b: 10, a: 6, c: 40, d: 4, e: 3 };
const tensors = new Map(
  Object.entries(sizes).map(([name, n]) => [
    name,
    float32Data(
      Float32Array.from({ length: n }, (_, i) => i + n),
      [n],
    ),
  ]),
);

describe('files/safetensors_shards', () => {
  it('writes one file where there is room in it', async () => {
    const folder = folderFor('one');
    assert.deepEqual(await writeCheckpoint(folder, tensors, { format: 'pt' }), ['model.safetensors']);
    assert.deepEqual(readdirSync(folder), ['model.safetensors']);
  });

  it('cuts between tensors, in their order, and writes the index that it reads again', async () => {
    const folder = folderFor('several');
    const files = await writeCheckpoint(folder, tensors, { format: 'pt' }, 64);
    assert.deepEqual(
      files,
      [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`),
    );
    const { weight_map, metadata } = readJsonObject(join(folder, 'model.safetensors.index.json'));
    assert.deepEqual(metadata, { total_size: 63 * 4 });
    const at = (i: number): string => files[i] as string;
    assert.deepEqual(weight_map, { a: at(0), b: at(0), c: at(1), d: at(2), e: at(2) });
    const source = openSafetensors(folder);
    for (const [name, n] of Object.entries(sizes)) {
      assert.deepEqual(
        [...source.read(name)],
        Array.from({ length: n }, (_, i) => i + n),
      );
    }
    assert.deepEqual(source.metadata, { format: 'pt' });
    source.close();
  });

  it('writes tensors that come in pieces, reads parts of them, and refuses pieces of another size in all', async () => {
    const folder = folderFor('pieces');
    mkdirSync(folder, { recursive: true });
    const data = Uint8Array.from({ length: 24 }, (_, i) => i);
    const streamed = (pieces: Uint8Array[]): Map<string, StreamedTensor> =>
      new Map([['x', { dtype: 'F32', shape: [2, 3], make: () => pieces }]]);
    const path = join(folder, 'x.safetensors');
    await writeSafetensors(path, streamed([data.subarray(0, 7), data.subarray(7, 7), data.subarray(7)]));
    const source = openSafetensors(path);
    assert.deepEqual([...source.bytes('x')], [...data]);
    assert.deepEqual([...source.range('x', 5, 4)], [5, 6, 7, 8]);
    assert.throws(() => source.range('x', 20, 5), /x has 24 bytes; asked for 5 from 20 on/);
    source.close();
    const short = writeSafetensors(join(folder, 'y.safetensors'), streamed([data.subarray(1)]));
    await assert.rejects(short, /x: F32 \[2, 3\] takes 24 bytes, got 23/);
    assert.deepEqual(readdirSync(folder), ['x.safetensors']);
  });
});
