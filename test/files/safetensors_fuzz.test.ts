import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { BadInput } from 'gemma-3ncore/host/errors';
import { loadCheckpoint } from 'gemma-3ncore/models/checkpoint';
import { constant } from 'gemma-3ncore/tree/init';
import { disposeParams } from 'gemma-3ncore/tree/params';
import { fold, Random, rootKey } from 'gemma-3ncore/tree/random';
import { param } from 'gemma-3ncore/tree/spec';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { mutate } from '../support/mutate.js';

const folder = useFolder();
const anchor = 'stem.weight';
const zeros = constant(0);
const spec = {
  stem: { weight: param([8, 4, 3, 3], 'conv', zeros), bias: param([8], 'same', zeros) },
  proj: { weight: param([6, 8, 1, 1], 'conv1x1', zeros) },
  norm: { weight: param([6], 'same', zeros) },
};

/** An entry of a header, open to any change. */
interface Entry {
  dtype: unknown;
  shape: unknown;
  data_offsets: unknown;
}
type Header = Record<string, Entry>;

const entries: readonly [string, string, number[], number][] = [
  ['tower.norm.weight', 'F32', [6], 4],
  ['tower.proj.weight', 'F16', [6, 8, 1, 1], 2],
  ['tower.stem.bias', 'BF16', [8], 2],
  ['tower.stem.weight', 'F32', [8, 4, 3, 3], 4],
];

function headerOf(names: readonly string[]): { header: Header; bytes: number } {
  let at = 0;
  const header: Header = {};
  for (const [name, dtype, shape, size] of entries.filter(([entry]) => names.includes(entry))) {
    const begin = at;
    at += shape.reduce((product, n) => product * n, size);
    header[name] = { dtype, shape, data_offsets: [begin, at] };
  }
  return { header, bytes: at };
}

function encode(header: unknown, bytes: number, declared?: bigint): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(declared ?? BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(bytes, 0x3c)]);
}

const all = entries.map(([name]) => name);
const whole = headerOf(all);
const valid = encode(whole.header, whole.bytes);
const headerEnd = valid.length - whole.bytes;

/** The file with one entry of its header changed. */
function changed(name: string, change: Partial<Entry>): Buffer {
  const header = structuredClone(whole.header);
  Object.assign(header[name]!, change);
  return encode(header, whole.bytes);
}

/** Loads a checkpoint; a refusal has to be one short sentence that names the file. */
function outcomeOf(path: string, files: readonly string[]): string | undefined {
  const begun = performance.now();
  try {
    disposeParams(loadCheckpoint(spec, path, anchor));
    return undefined;
  } catch (error) {
    assert.ok(error instanceof BadInput, String(error instanceof Error ? error.stack : error));
    assert.doesNotMatch(error.message, /[\p{Cc}\u2028\u2029]/u, 'one line');
    assert.ok(error.message.length < 1000, error.message);
    const { message } = error;
    assert.ok(
      files.some((file) => message.includes(file)),
      `${message} names no file`,
    );
    return message;
  } finally {
    assert.ok(performance.now() - begun < 1000, `took ${performance.now() - begun} ms`);
  }
}

let written = 0;

/** Writes a file and loads it; the message, or undefined when it was read. */
function attempt(bytes: Buffer): string | undefined {
  const path = join(folder, `broken${(written += 1)}.safetensors`);
  writeFileSync(path, bytes);
  return outcomeOf(path, [basename(path)]);
}

function refuses(bytes: Buffer, message: RegExp): void {
  assert.match(attempt(bytes) ?? 'it was read', message);
}

/** Runs many cases and asserts that neither tensors nor memory are left behind. */
function flat(work: () => void): void {
  const [tensors, peak] = [tf.memory().numTensors, process.resourceUsage().maxRSS];
  work();
  assert.equal(tf.memory().numTensors, tensors);
  const grownMB = (process.resourceUsage().maxRSS - peak) / 1024;
  assert.ok(grownMB < 150, `memory grew by ${grownMB} MB`);
}

describe('damaged safetensors files', () => {
  useEngine();

  it('are read when they are not damaged', () => {
    assert.equal(attempt(valid), undefined);
  });

  it('refuses 100 truncated files', () => {
    flat(() => {
      for (let i = 0; i < 100; i++) {
        refuses(valid.subarray(0, Math.floor((i * valid.length) / 100)), /expected .*, got /);
      }
    });
  });

  it('names the entry that a truncated file lacks', () => {
    refuses(
      valid.subarray(0, valid.length - 1),
      /entry tower\.stem\.weight: expected data_offsets within the \d+ bytes/,
    );
  });

  it('refuses 30 headers that are longer than the file or cut the JSON', () => {
    flat(() => {
      for (let i = 0; i < 30; i++) {
        const declared = i < 20 ? 1n << BigInt(44 + i) : BigInt(headerEnd - 8 - 1 - (i - 20));
        refuses(encode(whole.header, whole.bytes, BigInt.asUintN(64, declared - (i < 20 ? 1n : 0n))), /header/);
      }
    });
  });

  it('refuses overlapping, swapped, negative and fractional offsets, naming the entry', () => {
    for (const [name, , , size] of entries) {
      const [begin, end] = whole.header[name]!.data_offsets as [number, number];
      const wrong = [
        [begin + size, end + size],
        [begin, end - size],
        [end, begin],
        [-size, end],
        [begin + 0.5, end + 0.5],
        [begin],
        [0, 2 ** 53],
        [String(begin), String(end)],
        null,
      ];
      for (const data_offsets of wrong) refuses(changed(name, { data_offsets }), /entry tower\.\w+\.\w+: expected/);
    }
    refuses(
      changed('tower.stem.bias', { data_offsets: [0, 16] }),
      /entry tower\.\S+: expected data from byte \d+, got an overlap/,
    );
  });

  it('refuses wrong dtypes and shapes, naming the entry', () => {
    const dtypes = ['F64', 'I32', 'I64', 'BOOL', 'F8_E4M3', 'f32', '', 7, null, {}, ['F32'], 'constructor'];
    const shapes = [
      [2 ** 52],
      [6, 2 ** 60],
      [2 ** 31, 2 ** 31, 2 ** 31],
      [-6],
      [0.5],
      ['6'],
      [],
      null,
      'x',
      { length: 1 },
    ];
    for (const [name] of entries) {
      const where = new RegExp(`entry ${name.replaceAll('.', '\\.')}: expected`);
      for (const dtype of dtypes) refuses(changed(name, { dtype }), where);
      for (const shape of shapes) refuses(changed(name, { shape }), where);
    }
  });

  it('survives 600 flipped bits and 600 random faults in header and body', () => {
    flat(() => {
      const read = { flips: 0, faults: 0 };
      for (let i = 0; i < 600; i++) {
        const random = new Random(fold(rootKey(11), i));
        const flipped = Buffer.from(valid);
        const at = random.integer(i % 2 === 0 ? headerEnd : valid.length);
        flipped[at] = flipped[at]! ^ (1 << random.integer(8));
        if (attempt(flipped) === undefined) read.flips += 1;
        if (attempt(mutate(valid, random)) === undefined) read.faults += 1;
      }
      assert.ok(read.flips > 0 && read.flips < 600 && read.faults < 600, JSON.stringify(read));
    });
  });

  it('survives 200 faults in an index and its shards', () => {
    const shards = [all.slice(0, 2), all.slice(2)].map((names, i) => {
      const { header, bytes } = headerOf(names);
      return { file: `shard-${i}.safetensors`, bytes: encode(header, bytes), names };
    });
    const weight_map = Object.fromEntries(shards.flatMap(({ file, names }) => names.map((name) => [name, file])));
    const index = Buffer.from(JSON.stringify({ metadata: { total_size: 1 }, weight_map }));
    const path = join(folder, 'model.safetensors.index.json');
    const files = ['model.safetensors.index.json', ...shards.map(({ file }) => file)];
    const load = (broken: number, random: Random): string | undefined => {
      writeFileSync(path, broken === 0 ? mutate(index, random) : index);
      shards.forEach(({ file, bytes }, i) => {
        writeFileSync(join(folder, file), broken === i + 1 ? mutate(bytes, random) : bytes);
      });
      return outcomeOf(path, files);
    };
    assert.equal(load(-1, new Random(rootKey(0))), undefined);
    assert.ok(readFileSync(path).equals(index));
    flat(() => {
      const refused = [0, 0, 0];
      for (let i = 0; i < 200; i++) {
        if (load(i % 3, new Random(fold(rootKey(12), i))) !== undefined) refused[i % 3]! += 1;
      }
      assert.ok(
        refused.every((count) => count > 30),
        JSON.stringify(refused),
      );
    });
  });

  it('refuses an index that names no file, a folder, a file elsewhere, or a name that no system takes', () => {
    const path = join(folder, 'names.safetensors.index.json');
    for (const file of ['', '.', '..', 'a/b', '\0', 'x'.repeat(5000), 'none.safetensors', 7, null, ['a']]) {
      writeFileSync(path, JSON.stringify({ weight_map: { 'tower.stem.weight': file } }));
      const message = outcomeOf(path, ['names.safetensors.index.json', 'none.safetensors']);
      assert.match(message ?? 'it was read', /expected .*, got /);
    }
    for (const map of [7, null, [], 'x', {}]) {
      writeFileSync(path, JSON.stringify({ weight_map: map }));
      assert.match(outcomeOf(path, ['names.safetensors.index.json']) ?? 'it was read', /expected .*, got /);
    }
  });
});
