import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readEchoNetDynamic } from 'gemma-3ncore/data/echonet_dynamic';
import type { StudySet, Verdict } from 'gemma-3ncore/data/study';
import { BadInput } from 'gemma-3ncore/host/errors';
import { goodStudy, listHeader, writeEchoNet } from '../support/echonet.js';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();

const byId = (set: StudySet, id: string): Verdict[] => set.verdicts.filter((verdict) => verdict.id === id);

describe('data/echonet_dynamic', () => {
  it('gives the two frames, labels and file of a study', async () => {
    const root = folderFor('good');
    writeEchoNet(root, [goodStudy('A')]);
    const set = await readEchoNetDynamic(root);
    assert.deepEqual(set.studies, [
      {
        id: 'A',
        patient: 'A',
        view: '4CH',
        split: 'TRAIN',
        video: join(root, 'Videos', 'A.avi'),
        picture: { preparation: 'sector', field: null },
        edFrame: 8,
        esFrame: 3,
        EDV: 100.2,
        ESV: 40.1,
        EF: 60.2,
        fps: 50,
        numberOfFrames: 12,
      },
    ]);
    const labels = { edFrame: 8, esFrame: 3, EDV: 100.2, ESV: 40.1, EF: 60.2 };
    assert.deepEqual(set.verdicts, [{ id: 'A', view: '4CH', split: 'TRAIN', usable: true, reasons: [], ...labels }]);
  });

  it('refuses a FileName that leads out of the data root, and follows a link that is Videos/', async () => {
    const root = folderFor('paths');
    const names = ['../../secret', '/etc/passwd', 'a\0b', '..', 'linked', 'fine', ''];
    writeEchoNet(root, [goodStudy('fine'), goodStudy('linked')]);
    const outside = join(folderFor('elsewhere'), 'outside.avi');
    writeFileSync(outside, readFileSync(join(root, 'Videos', 'linked.avi')));
    rmSync(join(root, 'Videos', 'linked.avi'));
    symlinkSync(outside, join(root, 'Videos', 'linked.avi'));
    const rows = names.map((name) => `${name},60,40,100,16,16,50,12,TRAIN`);
    writeFileSync(join(root, 'FileList.csv'), [listHeader, ...rows].join('\n'));
    const moved = join(folderFor('store'), 'videos');
    renameSync(join(root, 'Videos'), moved);
    symlinkSync(moved, join(root, 'Videos'));
    const set = await readEchoNetDynamic(root);
    assert.deepEqual(
      set.studies.map(({ id }) => id),
      ['fine'],
    );
    for (const verdict of set.verdicts) {
      if (verdict.id === 'fine') continue;
      const expected =
        verdict.id === '' ? /^FileName is empty: row 8$/ : /^video outside the data root|^video is missing/;
      assert.match(verdict.reasons.at(-1)!, expected, verdict.id);
    }
    for (const id of ['../../secret', '/etc/passwd', 'a\0b', 'linked']) {
      assert.match(byId(set, id)[0]!.reasons.at(-1)!, /^video outside the data root/, id);
    }
  });

  it('spreads a limit over the list, so that every split stays', async () => {
    const root = folderFor('limit');
    const studies = Array.from({ length: 12 }, (_, i) => {
      const study = goodStudy(`S${i}`);
      study.list[0]!['Split'] = ['TRAIN', 'VAL', 'TEST'][Math.floor(i / 4)]!;
      return study;
    });
    writeEchoNet(root, studies);
    const { studies: chosen, verdicts } = await readEchoNetDynamic(root, { limit: 6 });
    assert.deepEqual(
      chosen.map(({ id }) => id),
      ['S0', 'S2', 'S4', 'S6', 'S8', 'S10'],
    );
    assert.equal(verdicts.length, 6);
  });

  it('stops when it is interrupted', async () => {
    const root = folderFor('interrupted');
    writeEchoNet(root, [goodStudy('A')]);
    await assert.rejects(readEchoNetDynamic(root, { signal: AbortSignal.abort(new Error('enough')) }), /enough/);
  });

  it('says of a wrong folder which file was expected where', async () => {
    const good = (name: string): string => {
      const root = folderFor(name);
      writeEchoNet(root, [goodStudy('A')]);
      return root;
    };
    const wrong: Record<string, [(root: string) => string | void, RegExp]> = {
      absent: [
        (root) => join(root, 'nowhere'),
        /nowhere: expected an EchoNet-Dynamic folder .*, got no such folder\.$/,
      ],
      aFile: [(root) => join(root, 'FileList.csv'), /got a file\.$/],
      noList: [
        (root) => rmSync(join(root, 'FileList.csv')),
        /got no FileList\.csv in it; point to the folder that holds/,
      ],
      oneAbove: [(root) => join(root, '..'), /got no FileList\.csv in it; point to .*\/[^/]+\.$/],
      noTracings: [(root) => rmSync(join(root, 'VolumeTracings.csv')), /got no VolumeTracings\.csv in it/],
      noVideos: [(root) => rmSync(join(root, 'Videos'), { recursive: true }), /got no folder Videos\/ in it/],
      noRows: [
        (root) => writeFileSync(join(root, 'FileList.csv'), `${listHeader}\n`),
        /FileList\.csv: expected one row a study/,
      ],
      noColumn: [
        (root) => writeFileSync(join(root, 'FileList.csv'), `${listHeader.replace('EDV,', '')}\nA\n`),
        /^FileList\.csv, row 1: expected a column EDV, got FileName,EF,ESV,FrameHeight/,
      ],
      semicolons: [
        (root) => writeFileSync(join(root, 'FileList.csv'), listHeader.replaceAll(',', ';')),
        /^FileList\.csv, row 1: .*got semicolons; save it as comma-separated values/,
      ],
      noTracingColumn: [
        (root) => writeFileSync(join(root, 'VolumeTracings.csv'), 'FileName,X1,Y1,X2,Frame\n'),
        /^VolumeTracings\.csv, row 1: expected a column Y2/,
      ],
      pediatricFile: [
        (root) => writeFileSync(join(root, 'VolumeTracings.csv'), 'FileName,X,Y,Frame\nA.avi,1,2,No Systolic\n'),
        /EchoNet-Pediatric.*; use EchoNet-Dynamic\.$/,
      ],
      pediatricFolder: [
        (root) => {
          rmSync(join(root, 'FileList.csv'));
          mkdirSync(join(root, 'A4C'));
        },
        /got no FileList\.csv in it; this is the layout of EchoNet-Pediatric/,
      ],
    };
    for (const [name, [change, sentence]] of Object.entries(wrong)) {
      const root = good(`wrong/${name}`);
      const path = change(root) ?? root;
      await assert.rejects(
        readEchoNetDynamic(path),
        (error) => error instanceof BadInput && sentence.test(error.message),
        name,
      );
    }
  });
});
