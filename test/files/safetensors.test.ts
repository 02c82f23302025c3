import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { float32Data, openSafetensors, SafetensorsFile, writeSafetensors } from 'gemma-3ncore/files/safetensors';
import { BadInput } from 'gemma-3ncore/host/errors';
import { useFolder } from '../support/folder.js';
import { golden } from '../support/goldens.js';

const folder = useFolder();

/** A file with the given header text and data. */
function fileOf(name: string, header: string, data = new Uint8Array()): string {
  const path = join(folder, name);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  writeFileSync(path, Buffer.concat([length, Buffer.from(header), data]));
  return path;
}

function entry(dtype: string, shape: number[], offsets: number[]): object {
  return { dtype, shape, data_offsets: offsets };
}

function fileWith(name: string, header: object, bytes: number): string {
  return fileOf(name, JSON.stringify(header), new Uint8Array(bytes));
}

describe('files/safetensors', () => {
  it('reads every dtype as float32', () => {
    const data = Buffer.alloc(2 * (4 + 2 + 2 + 8 + 4 + 8) + 3);
    data.writeFloatLE(1.5, 0);
    data.writeFloatLE(-2.25, 4);
    data.writeUInt16LE(0x3c00, 8); // half 1
    data.writeUInt16LE(0x8001, 10); // half -2^-24, a subnormal
    data.writeUInt16LE(0xbf80, 12); // bfloat16 -1
    data.writeUInt16LE(0x4049, 14); // bfloat16 3.140625
    data.writeDoubleLE(0.1, 16);
    data.writeDoubleLE(1e300, 24);
    data.writeInt32LE(-7, 32);
    data.writeInt32LE(2 ** 30, 36);
    data.writeBigInt64LE(-9n, 40);
    data.writeBigInt64LE(2n ** 40n, 48);
    data.writeInt8(-3, 56);
    data.writeUInt8(200, 57);
    data.writeUInt8(1, 58);
    const header = {
      f32: entry('F32', [2], [0, 8]),
      f16: entry('F16', [2], [8, 12]),
      bf16: entry('BF16', [2], [12, 16]),
      f64: entry('F64', [2], [16, 32]),
      i32: entry('I32', [2], [32, 40]),
      i64: entry('I64', [2, 1], [40, 56]),
      i8: entry('I8', [1], [56, 57]),
      u8: entry('U8', [], [57, 58]),
      bool: entry('BOOL', [1], [58, 59]),
    };
    const file = new SafetensorsFile(fileOf('dtypes.safetensors', JSON.stringify(header), data));
    const expected: Record<string, number[]> = {
      f32: [1.5, -2.25],
      f16: [1, -(2 ** -24)],
      bf16: [-1, 3.140625],
      f64: [Math.fround(0.1), Infinity],
      i32: [-7, 2 ** 30],
      i64: [-9, 2 ** 40],
      i8: [-3],
      u8: [200],
      bool: [1],
    };
    for (const [name, values] of Object.entries(expected)) assert.deepEqual([...file.read(name)], values, name);
    assert.deepEqual(file.shapeOf('i64'), [2, 1]);
    file.close();
  });

  it('writes the same bytes for the same tensors in any order and reads them back', async () => {
    const a = float32Data(Float32Array.of(1, 2, 3, 4), [2, 2]);
    const b = { dtype: 'U8', shape: [3], data: Uint8Array.of(7, 8, 9) };
    const [first, second] = [join(folder, 'w1.safetensors'), join(folder, 'w2.safetensors')];
    await writeSafetensors(
      first,
      new Map([
        ['b', b],
        ['a', a],
      ]),
      { z: '1', format: 'pt' },
    );
    await writeSafetensors(
      second,
      new Map([
        ['a', a],
        ['b', b],
      ]),
      { format: 'pt', z: '1' },
    );
    assert.deepEqual(readFileSync(first), readFileSync(second));
    const file = openSafetensors(first);
    assert.deepEqual([...file.names()], ['a', 'b']);
    assert.deepEqual([...file.read('a')], [1, 2, 3, 4]);
    assert.deepEqual(file.bytes('b'), b.data);
    assert.deepEqual(file.metadata, { format: 'pt', z: '1' });
    file.close();
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.tmp')),
      [],
    );
  });

  it('says where it could not write', async () => {
    const path = join(folder, 'missing', 'x.safetensors');
    await assert.rejects(
      writeSafetensors(path, new Map()),
      /missing\/x\.safetensors: expected a place to write to, got no such folder/,
    );
  });

  it('reads a checkpoint in shards through its index', () => {
    const source = openSafetensors(golden('siglip', 'p16_64_nohead_bf16_sharded'));
    const names = [...source.names()];
    const name = 'vision_tower.vision_model.embeddings.patch_embedding.weight';
    assert.ok(names.includes(name));
    assert.equal(source.dtypeOf(name), 'BF16');
    assert.equal(source.read(name).length, 48 * 3 * 16 * 16);
    source.close();
  });

  const damaged: Record<string, [() => string, RegExp]> = {
    'an empty file': [() => fileWithBytes('empty', []), /expected a safetensors file, got 0 bytes/],
    'a header longer than the file': [
      () => fileWithBytes('long', [255, 255, 255, 255, 255, 255, 0, 0]),
      /a header of at most/,
    ],
    'a header that is not JSON': [() => fileOf('nojson', '{"a":'), /a safetensors header in JSON/],
    'a header that is an array': [() => fileOf('array', '[]'), /a safetensors header, got JSON of another kind/],
    'an unknown dtype': [
      () => fileWith('dtype', { a: entry('Q4', [1], [0, 4]) }, 4),
      /entry a: expected a dtype of .*, got "Q4"/,
    ],
    'a negative size': [() => fileWith('shape', { a: entry('U8', [-1], [0, 1]) }, 1), /entry a: expected a shape/],
    'a size that contradicts its bytes': [
      () => fileWith('size', { a: entry('F32', [3], [0, 8]) }, 8),
      /entry a: expected 12 bytes/,
    ],
    'a shape whose size overflows': [
      () => fileWith('overflow', { a: entry('F32', [2 ** 40, 2 ** 40], [0, 8]) }, 8),
      /entry a: expected 4\.\d+e\+24 bytes/,
    ],
    'data beyond the end': [() => fileWith('beyond', { a: entry('U8', [9], [0, 9]) }, 8), /within the 8 bytes of data/],
    'an overlap': [
      () => fileWith('overlap', { a: entry('U8', [4], [0, 4]), b: entry('U8', [4], [2, 6]) }, 6),
      /entry b: expected data from byte \d+, got an overlap/,
    ],
    'a gap': [
      () => fileWith('gap', { a: entry('U8', [2], [0, 2]), b: entry('U8', [2], [4, 6]) }, 6),
      /entry b: expected data from byte \d+, got a gap/,
    ],
    'bytes that no entry declares': [
      () => fileWith('tail', { a: entry('U8', [2], [0, 2]) }, 5),
      /bytes as its header declares/,
    ],
    'metadata that is no text': [
      () => fileOf('meta', '{"__metadata__":{"a":1}}'),
      /__metadata__: expected an object of texts/,
    ],
    'a missing file': [
      () => join(folder, 'none.safetensors'),
      /none\.safetensors: expected a checkpoint, got no such file/,
    ],
    'a folder without a checkpoint': [
      () => folder,
      /expected model\.safetensors or model\.safetensors\.index\.json in it/,
    ],
    'an index that leaves its folder': [
      () => textFile('out.index.json', '{"weight_map":{"a":"../a.safetensors"}}'),
      /entry a: expected the name of a file beside it/,
    ],
  };
  for (const [what, [make, message]] of Object.entries(damaged)) {
    it(`refuses ${what}`, () => {
      const path = make();
      assert.throws(
        () => openSafetensors(path),
        (error: Error) =>
          error instanceof BadInput && error.message.includes(path.slice(0, -1)) && message.test(error.message),
      );
    });
  }
});

function fileWithBytes(name: string, bytes: number[]): string {
  writeFileSync(join(folder, name), Uint8Array.from(bytes));
  return join(folder, name);
}

function textFile(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}
