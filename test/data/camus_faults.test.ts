import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { readCamus } from 'gemma-3ncore/data/camus';
import type { StudySet, Verdict } from 'gemma-3ncore/data/study';
import { encodeNifti } from 'gemma-3ncore/files/nifti_write';
import {
  goodPatient,
  greyOf,
  halfWidths,
  height,
  info,
  infoText,
  maskOf,
  nifti,
  spacing,
  width,
} from '../support/camus.js';
import { writePatient, type PatientFiles } from '../support/camus.js';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();
const name = 'patient0007';
const file = (what: string): string => `${name}_4CH_${what}.nii.gz`;

const verdictOn = ({ verdicts }: StudySet, view: string): Verdict => verdicts.find((v) => v.view === view)!;

/** A picture with other bytes in its header. */
function withHeader(values: Uint8Array, change: (header: Buffer) => void): Buffer {
  const bytes = encodeNifti({ shape: [width, height], spacing, values });
  change(bytes);
  return gzipSync(bytes);
}

/** A picture of 32-bit floats. */
function floats(values: Float32Array): Buffer {
  const header = encodeNifti({ shape: [width, height], spacing, values: new Uint8Array() });
  header.writeInt16LE(16, 70);
  header.writeInt16LE(32, 72);
  return gzipSync(Buffer.concat([header, Buffer.from(values.buffer)]));
}

const mask = maskOf(halfWidths.ED);

const contents: Record<string, [what: string, content: Buffer, reason: RegExp]> = {
  'spacing NaN': [
    'ED',
    withHeader(greyOf(10), (header) => header.writeFloatLE(NaN, 80)),
    /^image cannot be read: .*positive spacing \(pixdim\) in mm, got NaN/,
  ],
  'spacing zero': [
    'ED_gt',
    withHeader(mask, (header) => header.writeFloatLE(0, 84)),
    /^mask cannot be read: .*positive spacing/,
  ],
  'spacing negative': [
    'ED_gt',
    withHeader(mask, (header) => header.writeFloatLE(-1, 84)),
    /^mask cannot be read: .*positive spacing/,
  ],
  'wrong magic': [
    'ES',
    withHeader(greyOf(90), (header) => header.write('ni1\0', 344, 'latin1')),
    /^image cannot be read: .*NIfTI-1 in one file \("n\+1"\), got "ni1/,
  ],
  'complex numbers': [
    'ES',
    withHeader(greyOf(90), (header) => header.writeInt16LE(32, 70)),
    /^image cannot be read: .*whole or real numbers, got data type 32/,
  ],
  'grey levels as large floats': [
    'ED',
    floats(Float32Array.from(greyOf(10), (grey) => 100 * grey)),
    /^image cannot be read: .*values from 0 to 255, got/,
  ],
  'grey levels NaN': [
    'ED',
    floats(Float32Array.from(greyOf(10), (grey, i) => (i === 50 ? NaN : grey))),
    /^image cannot be read: .*values from 0 to 255, got NaN/,
  ],
  'half a label': [
    'ED_gt',
    floats(Float32Array.from(mask, (label) => label / 2)),
    /^mask cannot be read: .*labels, whole numbers, got 0\.5/,
  ],
  'a label of another scheme': [
    'ED_gt',
    nifti(mask.map((label) => (label === 3 ? 4 : label))),
    /^mask has an unknown label: 4 in .*, expected 0 to 3$/,
  ],
  'not packed, in spite of its name, and cut': [
    'ES',
    gunzipSync(nifti(greyOf(90))).subarray(0, 2000),
    /^image cannot be read: .*an image that its 2000 bytes .* can hold, got 60 × 80/,
  ],
};

describe('CAMUS with other faults', () => {
  for (const [fault, [what, content, reason]] of Object.entries(contents)) {
    it(`leaves out, with its reason: ${fault}`, async () => {
      const root = folderFor(fault);
      writePatient(root, name, { ...goodPatient(name), [file(what)]: content });
      writePatient(root, 'patient0008', goodPatient('patient0008'));
      const set = await readCamus(root);
      const { usable, reasons } = verdictOn(set, '4CH');
      assert.ok(!usable && reasons.length === 1 && reason.test(reasons[0]!), reasons.join('\n'));
      assert.equal(set.studies.filter(({ patient }) => patient === 'patient0008').length, 2);
    });
  }

  it('reads masks and pictures of floats that are whole numbers', async () => {
    const root = folderFor('floats');
    const asFloats: PatientFiles = {
      [file('ED')]: floats(Float32Array.from(greyOf(10))),
      [file('ED_gt')]: floats(Float32Array.from(mask)),
    };
    writePatient(root, name, { ...goodPatient(name), ...asFloats });
    assert.equal((await readCamus(root)).studies.length, 2);
  });

  it('reads the cfg file in other dress', async () => {
    const dresses = {
      'byte order mark': (text: string) => `\uFEFF${text}`,
      'CR LF': (text: string) => text.replaceAll('\n', '\r\n'),
      'no spaces': (text: string) => text.replaceAll(': ', ':'),
      'further lines': (text: string) => `# a comment\nNote: a: b\n\n${text}EF: 44\n`,
    };
    for (const [dress, change] of Object.entries(dresses)) {
      const root = folderFor(`cfg ${dress}`);
      writePatient(root, name, { ...goodPatient(name), 'Info_4CH.cfg': change(infoText(info)) });
      const { studies } = await readCamus(root);
      const { edFrame, esFrame, EF } = studies.find(({ view }) => view === '4CH')!;
      assert.deepEqual([edFrame, esFrame, EF], [0, 8, 44], dress);
    }
  });

  it('waits for no pipe and reads no folder or circle of links', { timeout: 20_000 }, async () => {
    const kinds: [what: string, make: (path: string) => void, reason: RegExp][] = [
      [file('ED'), (path) => execFileSync('mkfifo', [path]), /^file is none: patient0007\/.*_ED\.nii\.gz$/],
      [file('ES_gt'), (path) => mkdirSync(path), /^file is none: patient0007\/.*_ES_gt\.nii\.gz$/],
      [file('ED'), (path) => symlinkSync('/dev/zero', path), /^file outside the data root/],
      [file('ED'), (path) => symlinkSync(path, path), /^image is missing/],
      ['Info_4CH.cfg', (path) => execFileSync('mkfifo', [path]), /^file is none: patient0007\/Info_4CH\.cfg$/],
    ];
    for (const [i, [what, make, reason]] of kinds.entries()) {
      const root = folderFor(`kind ${i}`);
      writePatient(root, name, goodPatient(name));
      const path = join(root, 'database_nifti', name, what);
      rmSync(path);
      make(path);
      const { reasons } = verdictOn(await readCamus(root), '4CH');
      assert.ok(reasons.length === 1 && reason.test(reasons[0]!), reasons.join('\n'));
    }
  });

  it('refuses split files that are none, and says so', { timeout: 20_000 }, async () => {
    for (const make of [(path: string) => execFileSync('mkfifo', [path]), (path: string) => mkdirSync(path)]) {
      const root = folderFor(`split ${String(make)}`);
      writePatient(root, name, goodPatient(name));
      mkdirSync(join(root, 'database_split'));
      make(join(root, 'database_split', 'subgroup_training.txt'));
      await assert.rejects(readCamus(root), /subgroup_training\.txt: expected a file, got a (pipe or device|folder)/);
    }
  });

  it('reports folders whose names are no UTF-8', async () => {
    const root = folderFor('names');
    writePatient(root, name, goodPatient(name));
    const odd = Buffer.concat([Buffer.from(join(root, 'database_nifti', 'patient')), Buffer.from([0xff])]);
    mkdirSync(odd);
    writeFileSync(Buffer.concat([odd, Buffer.from('/x')]), '');
    const { verdicts } = await readCamus(root);
    assert.deepEqual(verdicts.at(-1)!.reasons, ['id is unknown: folder patient\ufffd, expected patient0001 …']);
  });
});
