import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readCamus } from 'gemma-3ncore/data/camus';
import type { StudySet, Verdict } from 'gemma-3ncore/data/study';
import { goodPatient, info, infoText, writePatient } from '../support/camus.js';
import { camusFaults, faultyPatient as name } from '../support/camus_faults.js';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();
const file = (what: string): string => `${name}_4CH_${what}.nii.gz`;

const verdictOn = ({ verdicts }: StudySet, view: string): Verdict => verdicts.find((v) => v.view === view)!;

describe('CAMUS with faults', () => {
  for (const [what, change, reason, both] of camusFaults) {
    it(`${reason === 'usable' ? 'reads' : 'leaves out, with its reason'}: ${what}`, async () => {
      const root = folderFor(`fault ${what}`);
      const files = goodPatient(name);
      change(files);
      writePatient(root, name, files);
      const set = await readCamus(root);
      const { usable, reasons } = verdictOn(set, '4CH');
      if (reason === 'usable') assert.deepEqual([usable, reasons], [true, []]);
      else assert.ok(!usable && reasons.some((text) => reason.test(text)), reasons.join('\n'));
      assert.equal(verdictOn(set, '2CH').usable, !both, verdictOn(set, '2CH').reasons.join('\n'));
      assert.equal(set.studies.length, Number(!both) + Number(usable));
    });
  }

  it('takes what stands in the cfg file, further lines and repeated keys aside', async () => {
    const root = folderFor('cfg');
    const text = `# a comment\nNote: a: b\n\n${infoText(info)}EF: 44\n`;
    writePatient(root, name, { ...goodPatient(name), 'Info_4CH.cfg': text });
    const { edFrame, esFrame, EF } = (await readCamus(root)).studies.find(({ view }) => view === '4CH')!;
    assert.deepEqual([edFrame, esFrame, EF], [0, 8, 44]);
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
