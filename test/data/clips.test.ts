import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openDataset, studiesCsv } from 'gemma-3ncore/data/dataset';
import { extractFrames } from 'gemma-3ncore/data/frames';
import { BadInput } from 'gemma-3ncore/host/errors';
import { aviFile, jpegImage } from '../support/avi.js';
import { dicomFile, greyBytes, patientName } from '../support/dicom.js';
import { useTemporaryFolder } from '../support/folder.js';
import { phantomClips } from '../support/phantom_clip.js';

const makeFolder = useTemporaryFolder();
const header = 'FileName,EDV,ESV,EF,Split,ED,ES,View,Patient';
const images = Array.from({ length: 6 }, (_, i) => jpegImage(i));

/** A folder with some files and the table over them. */
function folderOf(name: string, rows: readonly string[], head = header): string {
  const folder = makeFolder(name);
  writeFileSync(join(folder, 'clip.avi'), aviFile(images));
  writeFileSync(join(folder, 'clip.dcm'), dicomFile({ frames: [0, 1, 2].map((i) => greyBytes(i)), frameTime: '25' }));
  writeFileSync(join(folder, 'clips.csv'), [head, ...rows, ''].join('\n'));
  return folder;
}

describe('data/clips', () => {
  it('reads own clips of any kind with their labels, and their frames', async () => {
    const root = folderOf('good', ['clip.avi,100,40,60,train,4,1,,', 'clip.dcm,90,45,50,TEST,0,2,2CH,P7']);
    const set = await openDataset('clips', root);
    const { dataset, studies, verdicts } = set;
    assert.equal(dataset, 'clips');
    assert.deepEqual(
      studies.map(({ id, patient, view, split, edFrame, esFrame, fps }) => [
        id,
        patient,
        view,
        split,
        edFrame,
        esFrame,
        fps,
      ]),
      [
        ['clip.avi', 'clip.avi', '4CH', 'TRAIN', 4, 1, 50],
        ['clip.dcm', 'P7', '2CH', 'TEST', 0, 2, 40],
      ],
    );
    assert.ok(verdicts.every(({ usable }) => usable));
    assert.deepEqual(studiesCsv(set).split('\n').slice(1), [
      'clip.avi,4CH,TRAIN,true,,4,1,100,40,60',
      'clip.dcm,2CH,TEST,true,,0,2,90,45,50',
      '',
    ]);
    const { ED, ES, decoder } = await extractFrames(studies[1]!);
    assert.deepEqual([Buffer.from(ED.data), Buffer.from(ES.data), decoder], [greyBytes(0), greyBytes(2), 'dicom']);
    assert.ok(!JSON.stringify([studies, verdicts]).includes(patientName));
  });

  it('finds the frames that the table leaves open', async () => {
    const [clip] = phantomClips(8104, 1);
    const root = folderOf('open', ['beat.dcm,100,40,60,TRAIN,,,,'], header);
    const frames = clip!.frames.map(({ data }) => Buffer.from(data));
    const frameTime = String(1000 / clip!.fps);
    writeFileSync(join(root, 'beat.dcm'), dicomFile({ frames, height: 112, width: 112, frameTime }));
    const set = await openDataset('clips', root);
    const [verdict] = set.verdicts;
    assert.deepEqual(verdict!.reasons, []);
    assert.ok(verdict!.edFrame! < verdict!.esFrame!);
    assert.match(
      set.notes!.join(),
      /^ED and ES were found .* in 1 of 1 clips; the least sure pair has confidence [01]\.\d\d\.$/,
    );
    assert.ok(verdict!.confidence! >= 0.5 && verdict!.confidence! <= 1);
    assert.match(studiesCsv(set), /^study,.*,EF,confidence\nbeat\.dcm,.*,60,(1|0\.\d+)\n$/);
    assert.match(verdict!.notes!.join(), /found from the motion of the picture: confidence [01]\.\d\d/);
  });

  it(
    'refuses a folder without the table or without one of its columns, and waits for no pipe',
    { timeout: 20_000 },
    async () => {
      const message = async (root: string): Promise<string> => {
        try {
          await openDataset('clips', root);
          return '';
        } catch (error) {
          assert.ok(error instanceof BadInput);
          return error.message;
        }
      };
      assert.match(
        await message(makeFolder('empty')),
        /clips\.csv, got none in it; write one with the columns FileName/,
      );
      assert.match(await message(folderOf('short', [], 'FileName,EDV,ESV,EF')), /expected a column Split/);
      assert.match(await message(folderOf('rowless', [])), /expected one row a clip, got none/);
      const piped = folderOf('piped', []);
      rmSync(join(piped, 'clips.csv'));
      execFileSync('mkfifo', [join(piped, 'clips.csv')]);
      assert.match(await message(piped), /clips\.csv: expected a file, got a pipe or device/);
    },
  );
});
