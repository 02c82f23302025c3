import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { encodeNifti } from 'gemma-3ncore/files/nifti_write';
import { goodPatient, greyOf, halfWidths, height, info, infoText, maskOf, nifti, spacing, width } from './camus.js';
import { writeFiles, writePatient, type PatientFiles } from './camus.js';

/** The patient that {@link camusFaults} are of. */
export const faultyPatient = 'patient0007';

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

/** A picture as a machine of the other byte order writes it. */
function bigEndian(values: Uint8Array): Buffer {
  const bytes = Buffer.from(encodeNifti({ shape: [width, height], spacing, values }));
  const [halves, words] = [
    [40, 42, 44, 46, 48, 50, 52, 54, 70, 72],
    [0, 76, 80, 84, 88, 92, 96, 100, 104, 108, 112, 116],
  ];
  for (const at of halves) bytes.subarray(at, at + 2).swap16();
  for (const at of words) bytes.subarray(at, at + 4).swap32();
  return gzipSync(bytes);
}

const mask = maskOf(halfWidths.ED);

const file = (what: string): string => `${faultyPatient}_4CH_${what}.nii.gz`;
const put = (what: string, content: Buffer | string) => (files: PatientFiles) => void (files[file(what)] = content);
const cfg = (change: Record<string, string>) => (files: PatientFiles) =>
  void (files['Info_4CH.cfg'] = infoText({ ...info, ...change }));
const without = (key: keyof typeof info) => (files: PatientFiles) => {
  files['Info_4CH.cfg'] = infoText(Object.fromEntries(Object.entries(info).filter(([field]) => field !== key)));
};
const recfg = (change: (text: string) => string) => (files: PatientFiles) =>
  void (files['Info_4CH.cfg'] = change(infoText(info)));
const header = (what: 'ED' | 'ES' | 'ED_gt' | 'ES_gt', change: (bytes: Buffer) => void): ReturnType<typeof put> =>
  put(what, withHeader(what.endsWith('gt') ? mask : greyOf(10), change));
const wide = Buffer.concat([greyOf(0), greyOf(1)]);
const good = nifti(maskOf(halfWidths.ED));
const empty = maskOf(halfWidths.ED).map((label) => (label === 1 ? 2 : label));
const short = nifti(maskOf(24).subarray(0, 1200), [width, 20]);
/** What is wrong with the 4CH view, the reason, and whether 2CH loses its volumes by it; `usable` where nothing is. */
export const camusFaults: readonly (readonly [
  what: string,
  change: (files: PatientFiles) => void,
  reason: RegExp | 'usable',
  both: boolean,
])[] = [
  [
    '4-D image',
    put('ED', nifti(wide, [width, height, 1, 2])),
    /^image cannot be read: \S+: expected a 2-D .* got 4-D/,
    false,
  ],
  ['3-D mask', put('ES_gt', nifti(wide, [width, height, 2])), /^mask cannot be read: .* got 3-D/, true],
  ['mask cut short', put('ED_gt', good.subarray(0, good.length - 20)), /^mask cannot be read: .*whole gzip file/, true],
  ['image cut short', put('ES', good.subarray(0, 100)), /^image cannot be read/, false],
  ['empty image', put('ES', ''), /^image cannot be read: .*got 0 bytes/, false],
  ['HTML instead of an image', put('ED', '<html>sign in</html>'), /^image cannot be read/, false],
  [
    'bomb',
    put(
      'ED',
      gzipSync(Buffer.concat([encodeNifti({ shape: [2, 2], spacing, values: greyOf(0) }), Buffer.alloc(2 ** 24)])),
    ),
    /^image cannot be read: .*got more/,
    false,
  ],
  [
    'mask without left ventricle',
    put('ES_gt', nifti(empty)),
    /^mask without left ventricle: patient0007_4CH_ES_gt/,
    true,
  ],
  ['mask without anything', put('ED_gt', nifti(new Uint8Array(width * height))), /^mask without left ventricle/, true],
  ['mask of another kind', put('ED_gt', nifti(greyOf(0))), /^mask has an unknown label: 4 /, true],
  ['mask of another size', put('ED_gt', short), /^mask and image differ in size: .* 60 × 20 and 60 × 80/, true],
  [
    'mask of another spacing',
    put('ED_gt', Buffer.from(encodeNifti({ shape: [width, height], spacing: [1, 1], values: maskOf(24) }))),
    /^mask and image differ in spacing/,
    true,
  ],
  ['missing image', (files) => void delete files[file('ED')], /^image is missing: patient0007_4CH_ED/, false],
  ['missing mask', (files) => void delete files[file('ES_gt')], /^mask is missing: patient0007_4CH_ES_gt/, true],
  ['missing cfg', (files) => void delete files['Info_4CH.cfg'], /^cfg is missing: Info_4CH\.cfg/, false],
  ['cfg without ED', without('ED'), /^cfg lacks a key: Info_4CH\.cfg has no ED/, false],
  ['cfg without ES', without('ES'), /^cfg lacks a key: .* no ES/, false],
  ['cfg without NbFrame', without('NbFrame'), /^cfg lacks a key: .* no NbFrame/, false],
  ['cfg without EF', without('EF'), /^cfg lacks a key: .* no EF/, false],
  ['ED before the first frame', cfg({ ED: '0' }), /^cfg field makes no sense: Info_4CH\.cfg, ED "0"/, false],
  ['ES beyond the clip', cfg({ ES: '10' }), /^cfg field makes no sense: .*ES "10"/, false],
  ['ED in words', cfg({ ED: 'first' }), /^cfg field makes no sense: .*ED "first"/, false],
  ['one frame for both', cfg({ ES: '1' }), /^ED and ES are one frame: 1/, false],
  ['EF of 600 %', cfg({ EF: '600' }), /^EF out of range: 600 %/, false],
  ['EF NaN', cfg({ EF: 'NaN' }), /^cfg field makes no sense: .*EF "NaN"/, false],
  [
    'two EFs',
    (files) => void (files['Info_4CH.cfg'] += 'EF: 50\n'),
    /^cfg contradicts itself: Info_4CH\.cfg has two EF/,
    false,
  ],
  ['binary cfg', (files) => void (files['Info_4CH.cfg'] = Buffer.alloc(500, 7)), /^cfg lacks a key/, false],
  [
    'large cfg',
    (files) => void (files['Info_4CH.cfg'] = Buffer.alloc(70000, 65)),
    /^cfg cannot be read: .*65536/,
    false,
  ],
  [
    'ES larger than ED',
    (files) => {
      for (const view of ['2CH', '4CH']) files[`${faultyPatient}_${view}_ES_gt.nii.gz`] = nifti(maskOf(25));
    },
    /^ESV is not below EDV/,
    true,
  ],
  [
    'only the other view',
    (files) => {
      for (const key of Object.keys(files)) if (key.includes('4CH')) delete files[key];
    },
    /^view is missing: 4CH/,
    true,
  ],
  [
    'spacing NaN',
    header('ED', (bytes) => bytes.writeFloatLE(NaN, 80)),
    /^image .*positive spacing \(pixdim\) in mm, got NaN/,
    false,
  ],
  [
    'spacing zero',
    header('ED_gt', (bytes) => bytes.writeFloatLE(0, 84)),
    /^mask cannot be read: .*positive spacing/,
    true,
  ],
  [
    'spacing negative',
    header('ED_gt', (bytes) => bytes.writeFloatLE(-1, 84)),
    /^mask cannot be read: .*positive spacing/,
    true,
  ],
  [
    'spacing of a billionth of a millimetre',
    header('ED_gt', (bytes) => bytes.writeFloatLE(1e-9, 80)),
    /^mask cannot be read: .*spacing of pixels \(pixdim\) from 0\.01 to 10 mm/,
    true,
  ],
  ['spacing of metres', header('ES', (bytes) => bytes.writeFloatLE(900, 84)), /^image .*from 0\.01 to 10 mm/, false],
  [
    'mask of 121 million pixels',
    put('ED_gt', nifti(new Uint8Array(11_000 ** 2), [11_000, 11_000])),
    /^mask cannot be read: .*at most 4194304 pixels, got 11000 × 11000/,
    true,
  ],
  [
    'header that claims 2^40 values',
    header('ED_gt', (bytes) => [4, 32767, 32767, 1024, 1].forEach((size, i) => bytes.writeInt16LE(size, 40 + 2 * i))),
    /^mask cannot be read: .*pictures of at most 4194304 pixels, got 32767 × 32767/,
    true,
  ],
  ['axis of no length', header('ES', (bytes) => bytes.writeInt16LE(0, 42)), /^image .*axes from 1, got 0 × 80/, false],
  ['99 axes', header('ES', (bytes) => bytes.writeInt16LE(99, 40)), /^image .*2 to 7 axes, got 99/, false],
  ['data behind the end', header('ES', (bytes) => bytes.writeFloatLE(1e6, 108)), /^image cannot be read/, false],
  [
    'wrong magic',
    header('ES', (bytes) => bytes.write('ni1\0', 344, 'latin1')),
    /^image .*in one file \("n\+1"\), got "ni1/,
    false,
  ],
  [
    'complex numbers',
    header('ES', (bytes) => bytes.writeInt16LE(32, 70)),
    /^image .*real numbers, got data type 32/,
    false,
  ],
  ['colours', header('ES', (bytes) => bytes.writeInt16LE(128, 70)), /^image .*real numbers, got data type 128/, false],
  [
    'grey levels as large floats',
    put('ED', floats(Float32Array.from(greyOf(10), (grey) => 100 * grey))),
    /^image cannot be read: .*values from 0 to 255, got/,
    false,
  ],
  [
    'grey levels from 0 to 1',
    put('ED', floats(Float32Array.from(greyOf(10), (grey) => grey / 255))),
    /^image cannot be read: .*grey levels from 0 to 255, got fractions from 0 to 1/,
    false,
  ],
  [
    'grey levels NaN',
    put('ED', floats(Float32Array.from(greyOf(10), (grey, i) => (i === 50 ? NaN : grey)))),
    /^image cannot be read: .*values from 0 to 255, got NaN/,
    false,
  ],
  [
    'half a label',
    put('ED_gt', floats(Float32Array.from(mask, (label) => label / 2))),
    /^mask cannot be read: .*labels, whole numbers, got 0\.5/,
    true,
  ],
  [
    'labels of another scheme',
    put('ED_gt', nifti(mask.map((label) => (label === 3 ? 4 : label)))),
    /^mask has an unknown label: 4 in .*, expected 0 to 3$/,
    true,
  ],
  [
    'labels times two',
    header('ED_gt', (bytes) => bytes.writeFloatLE(2, 112)),
    /^mask has an unknown label: [46] in/,
    true,
  ],
  ['mask of a ventricle alone', put('ED_gt', nifti(mask.map(() => 1))), /^mask without mitral valve/, true],
  [
    'not packed, in spite of its name, and cut',
    put('ES', gunzipSync(nifti(greyOf(90))).subarray(0, 2000)),
    /^image cannot be read: .*an image that its 2000 bytes .* can hold, got 60 × 80/,
    false,
  ],
  [
    'packed, and wrong in its checksum',
    put('ES', Buffer.concat([nifti(greyOf(90)).subarray(0, -8), Buffer.alloc(8)])),
    /^image cannot be read: .*damaged/,
    false,
  ],
  [
    'packed without end',
    put('ES', gzipSync(Buffer.alloc(2 ** 24))),
    /^image cannot be read: .*a NIfTI-1 file, got something else/,
    false,
  ],
  ['EF as a fraction', cfg({ EF: '0.44' }), /^EF out of range: 0\.4 %, expected from 1/, false],
  ['cfg with CR LF', recfg((text) => text.replaceAll('\n', '\r\n')), 'usable', false],
  ['cfg with keys in lower case', recfg((text) => text.toLowerCase()), 'usable', false],
  ['cfg with spaces', recfg((text) => text.replaceAll(': ', '  :   ')), 'usable', false],
  ['cfg with a byte order mark', recfg((text) => `\uFEFF${text}`), 'usable', false],
  ['ES before ED', cfg({ ED: '9', ES: '1' }), 'usable', false],
  [
    'quality in capitals, no age',
    recfg((text) => text.replace('Medium', 'POOR').replace(/Age.*\n/, '')),
    'usable',
    false,
  ],
  ['HTML as sex', cfg({ Sex: '<script>\u001b[2J' }), 'usable', false],
  ['image of the other byte order', put('ED', bigEndian(greyOf(10))), 'usable', false],
  ['mask of the other byte order', put('ED_gt', bigEndian(mask)), 'usable', false],
  ['image of floats', put('ED', floats(Float32Array.from(greyOf(10)))), 'usable', false],
  ['mask of floats', put('ED_gt', floats(Float32Array.from(mask))), 'usable', false],
  ['mask whose slope is zero', header('ED_gt', (bytes) => bytes.writeFloatLE(0, 112)), 'usable', false],
  ['mask whose slope is NaN', header('ED_gt', (bytes) => bytes.writeFloatLE(NaN, 112)), 'usable', false],
  [
    'mask unpacked',
    (files) => {
      files[file('ED_gt').replace('.gz', '')] = gunzipSync(nifti(mask));
      delete files[file('ED_gt')];
    },
    'usable',
    false,
  ],
];

/** Writes a folder of its own for each patient: the first with nothing wrong, then one of each kind of fault. */
export function writeCamusFaults(root: string): Map<string, (typeof camusFaults)[number]> {
  const byPatient = new Map(camusFaults.map((fault, i) => [`patient${String(i + 2).padStart(4, '0')}`, fault]));
  writePatient(root, 'patient0001', goodPatient('patient0001'));
  for (const [patient, [, change]] of byPatient) {
    const files = goodPatient(faultyPatient);
    change(files);
    const renamed = Object.entries(files).map(([name, content]) => [name.replace(faultyPatient, patient), content]);
    writeFiles(join(root, 'database_nifti', patient), Object.fromEntries(renamed) as PatientFiles);
  }
  return byPatient;
}
