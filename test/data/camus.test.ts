import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readCamus } from 'gemma-3ncore/data/camus';
import { extractFrames } from 'gemma-3ncore/data/frames';
import type { StudySet, Verdict } from 'gemma-3ncore/data/study';
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
  nifti,
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
