import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { BadInput } from 'gemma-3ncore/host/errors';
import { readNifti, type Nifti } from 'gemma-3ncore/files/nifti';
import { encodeNifti, encodeNiftiGz } from 'gemma-3ncore/files/nifti_write';
import { fold, Random, rootKey } from 'gemma-3ncore/tree/random';
import { useFolder } from '../support/folder.js';
import { mutate } from '../support/mutate.js';

const folder = useFolder();
const path = join(folder, 'image.nii.gz');
const values = Uint8Array.from({ length: 60 }, (_, i) => 4 * i);
const volume = { shape: [5, 4, 3], spacing: [0.25, 0.5] as const, values };

function read(bytes: Uint8Array): Nifti {
  writeFileSync(path, bytes);
  return readNifti(path);
}

/** The file not packed, its header changed. */
function changed(change: (header: Buffer) => void): Buffer {
  const bytes = encodeNifti(volume);
  change(bytes);
  return bytes;
}

/** A header alone, as nifti1.h lays it out, with the data type's code and its values behind it. */
function typed(code: number, data: Buffer, little = true): Buffer {
  const header = Buffer.alloc(352);
  const int16 = (value: number, at: number): unknown =>
    little ? header.writeInt16LE(value, at) : header.writeInt16BE(value, at);
  const float = (value: number, at: number): unknown =>
    little ? header.writeFloatLE(value, at) : header.writeFloatBE(value, at);
  if (little) header.writeInt32LE(348, 0);
  else header.writeInt32BE(348, 0);
  [2, 2, 1].forEach((size, i) => int16(size, 40 + 2 * i));
  int16(code, 70);
  [1, 2, 3].forEach((mm, i) => float(mm, 76 + 4 * i));
  float(352, 108);
  header.write('n+1\0', 344, 'latin1');
  return Buffer.concat([header, data]);
}

describe('files/nifti', () => {
  it('reads what is written, packed or not', () => {
    for (const bytes of [encodeNifti(volume), encodeNiftiGz(volume)]) {
      const { shape, spacing, values: found } = read(bytes);
      assert.deepEqual([shape, spacing, [...found]], [[5, 4, 3], [0.25, 0.5], [...values]]);
    }
  });

  it('drops trailing axes of length 1 beyond the picture', () => {
    assert.deepEqual(read(encodeNifti({ ...volume, shape: [60, 1, 1, 1] })).shape, [60, 1]);
  });

  it('reads every whole and real type in both byte orders', () => {
    const cases: [number, number[], (b: Buffer, v: number, at: number, little: boolean) => unknown, number][] = [
      [2, [7, 255], (b, v, at) => b.writeUInt8(v, at), 1],
      [256, [-7, 127], (b, v, at) => b.writeInt8(v, at), 1],
      [4, [-300, 300], (b, v, at, le) => (le ? b.writeInt16LE(v, at) : b.writeInt16BE(v, at)), 2],
      [512, [3, 60000], (b, v, at, le) => (le ? b.writeUInt16LE(v, at) : b.writeUInt16BE(v, at)), 2],
      [8, [-70000, 70000], (b, v, at, le) => (le ? b.writeInt32LE(v, at) : b.writeInt32BE(v, at)), 4],
      [768, [0, 2 ** 31], (b, v, at, le) => (le ? b.writeUInt32LE(v, at) : b.writeUInt32BE(v, at)), 4],
      [16, [0.5, -1.25], (b, v, at, le) => (le ? b.writeFloatLE(v, at) : b.writeFloatBE(v, at)), 4],
      [64, [0.125, 1e6], (b, v, at, le) => (le ? b.writeDoubleLE(v, at) : b.writeDoubleBE(v, at)), 8],
    ];
    for (const [code, expected, write, size] of cases) {
      for (const little of [true, false]) {
        const data = Buffer.alloc(2 * size);
        expected.forEach((value, i) => write(data, value, i * size, little));
        const { spacing, values: found } = read(typed(code, data, little));
        assert.deepEqual([[...found], spacing], [expected, [2, 3]], `type ${code}`);
      }
    }
  });

  it('rescales and converts units as the header says', () => {
    const bytes = changed((header) => {
      header.writeFloatLE(0.5, 112);
      header.writeFloatLE(-3, 116);
      header.writeUInt8(3, 123);
    });
    const { spacing, values: found } = read(bytes);
    assert.deepEqual(
      [...found],
      Array.from(values, (value) => value / 2 - 3),
    );
    assert.deepEqual(spacing, [0.00025, 0.0005]);
  });

  it('refuses what is no whole NIfTI-1 file', () => {
    const packed = encodeNiftiGz(volume);
    const cases: [Uint8Array, RegExp][] = [
      [Buffer.alloc(0), /header of 348 bytes, got 0 bytes/],
      [Buffer.alloc(400), /NIfTI-1 file, got something else/],
      [encodeNifti(volume).subarray(0, 400), /can hold, got 5 × 4 × 3/],
      [packed.subarray(0, packed.length - 9), /whole gzip file/],
      [gzipSync(encodeNifti(volume).subarray(0, 400)), /expected 412 bytes, as its header says, got 400/],
      [changed((h) => h.write('ni1\0', 344, 'latin1')), /one file \("n\+1"\), got "ni1/],
      [changed((h) => h.writeInt16LE(128, 70)), /data type 128/],
      [changed((h) => h.writeInt16LE(-5, 42)), /axes from 1, got -5 × 4 × 3/],
      [changed((h) => h.writeInt16LE(9, 40)), /2 to 7 axes, got 9/],
      [changed((h) => h.writeFloatLE(0, 80)), /positive spacing/],
      [changed((h) => h.writeFloatLE(NaN, 84)), /positive spacing/],
      [changed((h) => h.writeFloatLE(-1, 108)), /vox_offset/],
    ];
    for (const [bytes, message] of cases) {
      assert.throws(
        () => read(bytes),
        (error) => error instanceof BadInput && message.test(error.message),
        `${message}`,
      );
    }
    assert.throws(
      () => readNifti(join(folder, 'absent.nii')),
      /absent\.nii: expected a file that can be read, got ENOENT/,
    );
  });

  it('refuses bombs before they unpack', () => {
    const large = encodeNifti({ ...volume, shape: [2000, 2000, 30000] });
    const wide = encodeNifti({ ...volume, shape: [32000, 32000] });
    const padded = Buffer.concat([encodeNifti(volume), Buffer.alloc(2 ** 26)]);
    // Signed bytes: 100 MB unpacked, 400 MB as the numbers they are held as.
    const signed = encodeNifti({ ...volume, shape: [2000, 2000, 25] });
    signed.writeInt16LE(256, 70);
    const before = process.resourceUsage().maxRSS;
    for (const [bomb, message] of [
      [gzipSync(Buffer.concat([signed, Buffer.alloc(2 ** 20)])), /can hold, got 2000 × 2000 × 25/],
      [gzipSync(large), /can hold, got 2000 × 2000 × 30000/],
      [large, /can hold, got 2000 × 2000 × 30000/],
      [wide, /pictures of at most 4194304 pixels, got 32000 × 32000/],
      [gzipSync(padded), /412 bytes unpacked, as its header says, got more/],
    ] as const) {
      for (let i = 0; i < 20; i++) assert.throws(() => read(bomb), message);
    }
    const grown = (process.resourceUsage().maxRSS - before) / 1024;
    assert.ok(grown < 50, `${grown} MB`);
  });

  it('refuses more values than there is room for as floats', () => {
    const shape = [1000, 1000, 68];
    const whole = encodeNifti({ shape, spacing: [1, 1], values: new Uint8Array(68_000_000) });
    assert.deepEqual(read(whole).shape, shape);
    // 8-bit values with sign.
    whole.writeInt16LE(256, 70);
    assert.throws(() => read(whole), /can hold, got 1000 × 1000 × 68/);
  });

  it('survives 2,000 mutated files, packed and not: refused in one sentence, or read as its header says', () => {
    const before = process.resourceUsage().maxRSS;
    const counts = { read: 0, refused: 0 };
    const [plain, packed] = [encodeNifti(volume), encodeNiftiGz(volume)];
    const attempt = (bytes: Buffer): void => {
      const begun = performance.now();
      try {
        const { shape, values: found } = read(bytes);
        assert.equal(
          found.length,
          shape.reduce((product, size) => product * size),
        );
        counts.read += 1;
      } catch (error) {
        assert.ok(error instanceof BadInput, String(error instanceof Error ? error.stack : error));
        assert.doesNotMatch(error.message, /[\p{Cc}\u2028\u2029]/u);
        assert.ok(error.message.length < 300, error.message);
        counts.refused += 1;
      }
      assert.ok(performance.now() - begun < 1000);
    };
    for (let i = 0; i < 1000; i++) {
      const random = new Random(fold(rootKey(31), i));
      attempt(mutate(plain, random));
      // damage under an intact wrapping and damage of the wrapping itself
      attempt(i % 2 === 0 ? gzipSync(mutate(plain, random)) : mutate(packed, random));
    }
    assert.ok(counts.read > 100 && counts.refused > 500, JSON.stringify(counts));
    const grown = (process.resourceUsage().maxRSS - before) / 1024;
    assert.ok(grown < 100, `${grown} MB`);
  });
});
