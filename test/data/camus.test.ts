import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readCamus } from 'gemma-3ncore/data/camus';
import { extractFrames } from 'gemma-3ncore/data/frames';
import type { StudySet, Verdict } from 'gemma-3ncore/data/study';
import { encodeNifti } from 'gemma-3ncore/files/nifti_write';
import { BadInput } from 'gemma-3ncore/host/errors';
import { fold, Random, rootKey } from 'gemma-3ncore/tree/random';
import {
  goodPatient,
  greyOf,
  halfEllipsoid,
  halfWidths,
  height,
  info,
  infoText,
  maskOf,
  nifti,
  spacing,
  width,
  writeFiles,
  writePatient,
  type PatientFiles,
} from '../support/camus.js';
import { useTemporaryFolder } from '../support/folder.js';
import { mutate } from '../support/mutate.js';

const folderFor = useTemporaryFolder();
const name = 'patient0007';

/** The set of one patient whose files a test has changed. */
async function readWith(root: string, change: (files: PatientFiles) => void = () => {}): Promise<StudySet> {
  const files = goodPatient(name);
  change(files);
  writePatient(root, name, files);
  return readCamus(root);
}

const verdictOn = ({ verdicts }: StudySet, view: string): Verdict => verdicts.find((v) => v.view === view)!;

describe('data/camus', () => {
  it('reads both views of a patient, with volumes from both masks', async () => {
    const { studies, verdicts, notes } = await readWith(folderFor('good'));
    assert.deepEqual(
      verdicts.map(({ id, view, usable, reasons }) => [id, view, usable, reasons]),
      ['2CH', '4CH'].map((view) => [`${name}_${view}`, view, true, []]),
    );
    for (const {
      patient,
      split,
      edFrame,
      esFrame,
      EDV,
      ESV,
      EF,
      fps,
      numberOfFrames,
      sex,
      age,
      imageQuality,
    } of studies) {
      assert.deepEqual([patient, split, edFrame, esFrame, EF, fps], [name, 'TRAIN', 0, 8, 44, 50.5]);
      assert.deepEqual([numberOfFrames, sex, age, imageQuality], [9, 'F', 61, 'Medium']);
      // pixels of 1 × 1.5 mm
      assert.ok(Math.abs(EDV / halfEllipsoid(halfWidths.ED) - 1) < 0.03, String(EDV));
      assert.ok(Math.abs(ESV / halfEllipsoid(halfWidths.ES) - 1) < 0.03, String(ESV));
    }
    assert.equal(notes?.[0], 'The split is that of the ranges of patient numbers 1–400, 401–450, 451–500.');
  });

  it('gives the ED and ES images as they are stored', async () => {
    const { studies } = await readWith(folderFor('frames'));
    const { ED, ES, decoder } = await extractFrames(studies[0]!);
    assert.deepEqual([ED.width, ED.height, decoder], [width, height, 'nifti']);
    assert.deepEqual([[...ED.data], [...ES.data]], [[...greyOf(10)], [...greyOf(90)]]);
  });

  it('takes frames of the half sequence where there is no image of a moment, ES before ED too', async () => {
    const { studies } = await readWith(folderFor('sequence'), (files) => {
      delete files[`${name}_4CH_ED.nii.gz`];
      delete files[`${name}_4CH_ES.nii.gz`];
      const frames = [0, 1, 2, 3, 4, 5, 6, 7, 8].map((t) => greyOf(20 * t));
      files[`${name}_4CH_half_sequence.nii.gz`] = nifti(Buffer.concat(frames), [width, height, 9]);
      files['Info_4CH.cfg'] = infoText({ ...info, ED: '9', ES: '2' });
    });
    const study = studies.find(({ view }) => view === '4CH')!;
    assert.deepEqual([study.edFrame, study.esFrame], [8, 1]);
    const { ED, ES } = await extractFrames(study);
    assert.deepEqual([[...ED.data], [...ES.data]], [[...greyOf(160)], [...greyOf(20)]]);
  });

  it('reports an EF that is at odds with the volumes and keeps both', async () => {
    const set = await readWith(folderFor('odds'), (files) => {
      files['Info_4CH.cfg'] = infoText({ ...info, EF: '55', Sex: 'X' });
    });
    const { usable, EF, notes } = verdictOn(set, '4CH');
    assert.deepEqual([usable, EF], [true, 55]);
    assert.match(
      (notes ?? []).join('; '),
      /^Sex is unknown: "X"; EF is at odds with its volumes: 55 % and 4\d(\.\d)? %$/,
    );
    assert.match(set.notes![1]!, /lies 5\.\d percentage points from it on average and more than 5 in 1 of 2 studies/);
    assert.equal(verdictOn(set, '2CH').notes, undefined);
  });

  const file = (what: string): string => `${name}_4CH_${what}.nii.gz`;
  const put = (what: string, content: Buffer | string) => (files: PatientFiles) => void (files[file(what)] = content);
  const cfg = (change: Record<string, string>) => (files: PatientFiles) =>
    void (files['Info_4CH.cfg'] = infoText({ ...info, ...change }));
  const without = (key: keyof typeof info) => (files: PatientFiles) => {
    files['Info_4CH.cfg'] = infoText(Object.fromEntries(Object.entries(info).filter(([field]) => field !== key)));
  };
  const wide = Buffer.concat([greyOf(0), greyOf(1)]);
  const good = nifti(maskOf(halfWidths.ED));
  const empty = maskOf(halfWidths.ED).map((label) => (label === 1 ? 2 : label));
  const short = nifti(maskOf(24).subarray(0, 1200), [width, 20]);
  /** What is wrong with the 4CH view, the reason, and whether 2CH loses its volumes by it. */
  const faults: [string, (files: PatientFiles) => void, RegExp, boolean][] = [
    [
      '4-D image',
      put('ED', nifti(wide, [width, height, 1, 2])),
      /^image cannot be read: \S+: expected a 2-D .* got 4-D/,
      false,
    ],
    ['3-D mask', put('ES_gt', nifti(wide, [width, height, 2])), /^mask cannot be read: .* got 3-D/, true],
    [
      'mask cut short',
      put('ED_gt', good.subarray(0, good.length - 20)),
      /^mask cannot be read: .*whole gzip file/,
      true,
    ],
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
    [
      'mask without anything',
      put('ED_gt', nifti(new Uint8Array(width * height))),
      /^mask without left ventricle/,
      true,
    ],
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
        for (const view of ['2CH', '4CH']) files[`${name}_${view}_ES_gt.nii.gz`] = nifti(maskOf(25));
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
  ];

  for (const [what, change, reason, both] of faults) {
    it(`leaves out, with its reason: ${what}`, async () => {
      const set = await readWith(folderFor(`fault ${what}`), change);
      const { usable, reasons } = verdictOn(set, '4CH');
      assert.ok(!usable && reasons.some((text) => reason.test(text)), reasons.join('\n'));
      assert.equal(verdictOn(set, '2CH').usable, !both, verdictOn(set, '2CH').reasons.join('\n'));
      assert.deepEqual(
        set.studies.map(({ view }) => view),
        both ? [] : ['2CH'],
      );
    });
  }

  it('says of a view in order that the other one lacks its masks', async () => {
    const set = await readWith(folderFor('other'), (files) => void delete files[file('ES_gt')]);
    assert.deepEqual(verdictOn(set, '2CH').reasons, ['no biplane volumes: the masks of 4CH cannot be used']);
  });

  it('splits by the files where there are any, and says what is wrong with them', async () => {
    const root = folderFor('splits');
    for (const id of ['patient0001', 'patient0002', 'patient0003', 'patient0004']) {
      writePatient(root, id, goodPatient(id));
    }
    writeFiles(join(root, 'database_split'), {
      'subgroup_training.txt': 'patient0002\r\npatient0003\r\n',
      'subgroup_validation.txt': 'patient0001\npatient0003',
      'subgroup_testing.txt': '\uFEFFpatient0009\n',
    });
    const { verdicts, notes } = await readCamus(root);
    const of = (id: string): unknown[] => verdicts.filter((v) => v.id === `${id}_4CH`).map((v) => [v.split, v.reasons]);
    assert.deepEqual(of('patient0001'), [['VAL', []]]);
    assert.deepEqual(of('patient0002'), [['TRAIN', []]]);
    assert.match(JSON.stringify(of('patient0003')), /split is not unique: patient0003 is in TRAIN and VAL/);
    assert.match(JSON.stringify(of('patient0004')), /split is unknown: patient0004 is not in the files database_split/);
    assert.match(JSON.stringify(of('patient0009')), /patient is missing: database_split names patient0009/);
    assert.equal(notes?.[0], 'The split is that of the files database_split/subgroup_*.txt.');
  });

  it('splits by ranges of numbers otherwise; a number beyond them and a strange folder are left out', async () => {
    const root = folderFor('ranges');
    const ids = ['patient0400', 'patient0401', 'patient0450', 'patient0451', 'patient0500', 'patient0501'];
    for (const id of ids) writePatient(root, id, goodPatient(id));
    mkdirSync(join(root, 'database_nifti', 'patient<b>\u001b'));
    const { verdicts } = await readCamus(root);
    const found = verdicts.filter(({ view, split }) => view === '4CH' && split !== null).map(({ split }) => split);
    assert.deepEqual(found, ['TRAIN', 'VAL', 'VAL', 'TEST', 'TEST']);
    const last = verdicts.slice(-2).map(({ reasons }) => reasons.join());
    assert.match(last[0]!, /^split is unknown: patient0501/);
    assert.match(last[1]!, /^id is unknown: folder patient<b>\\u\{1b\}/);
  });

  it('reads the patients at the root too, and about as many as the limit says', async () => {
    const root = folderFor('limit');
    for (const id of ['patient0001', 'patient0002', 'patient0003']) writeFiles(join(root, id), goodPatient(id));
    assert.equal((await readCamus(root)).studies.length, 6);
    assert.deepEqual(
      (await readCamus(root, { limit: 3 })).studies.map(({ id }) => id),
      ['patient0001_2CH', 'patient0001_4CH', 'patient0002_2CH', 'patient0002_4CH'],
    );
  });

  it('follows no link out of the data root', async () => {
    const outside = join(folderFor('outside'), 'image.nii.gz');
    writeFileSync(outside, nifti(greyOf(1)));
    const root = folderFor('links');
    const files = goodPatient(name);
    delete files[file('ED')];
    writePatient(root, name, files);
    symlinkSync(outside, join(root, 'database_nifti', name, file('ED')));
    const { reasons } = verdictOn(await readCamus(root), '4CH');
    assert.deepEqual(reasons, [`file outside the data root: ${name}/${file('ED')}`]);
  });

  it('refuses a folder that is none, and names the older layout', async () => {
    await assert.rejects(readCamus(join(folderFor('absent'), 'x')), /got no such folder/);
    await assert.rejects(readCamus(folderFor('nothing')), BadInput);
    const old = folderFor('old');
    for (const part of ['training', 'testing']) mkdirSync(join(old, part, 'patient0001'), { recursive: true });
    await assert.rejects(readCamus(old), /got the older layout of CAMUS/);
  });

  it('survives 120 patients with damaged files: a verdict on each view, none of them lost', async () => {
    const root = folderFor('fuzz');
    for (let i = 1; i <= 120; i++) {
      const random = new Random(fold(rootKey(77), i));
      const id = `patient${String(i).padStart(4, '0')}`;
      const files = goodPatient(id);
      const names = Object.keys(files);
      const chosen = names[random.integer(names.length)]!;
      files[chosen] = mutate(Buffer.from(files[chosen]!), random);
      writePatient(root, id, files);
    }
    const { verdicts, studies } = await readCamus(root);
    assert.equal(verdicts.length, 240);
    assert.ok(studies.length > 40 && studies.length < 230, String(studies.length));
    for (const { usable, reasons } of verdicts) {
      assert.equal(usable, reasons.length === 0);
      assert.doesNotMatch(reasons.join(), /[\p{Cc}\u2028\u2029]/u);
    }
  });
});
