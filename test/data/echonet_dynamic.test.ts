import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readEchoNetDynamic } from 'gemma-3ncore/data/echonet_dynamic';
import type { StudySet, Verdict } from 'gemma-3ncore/data/study';
import { BadInput } from 'gemma-3ncore/host/errors';
import { aviFile, jpegImage } from '../support/avi.js';
import { goodStudy, listHeader, tracing, writeEchoNet, type TestStudy } from '../support/echonet.js';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();

/** A fault: what it changes in a good study called `id`, and the reason it must be left out with, or `usable`. */
interface Fault {
  readonly change: (study: TestStudy, id: string) => void;
  readonly reason: RegExp | 'usable';
}

const label =
  (values: Record<string, string>): Fault['change'] =>
  (study) =>
    Object.assign(study.list[0]!, values);
const video =
  (make: (good: Buffer) => Buffer): Fault['change'] =>
  (study, id) => {
    study.videos[`${id}.avi`] = make(study.videos[`${id}.avi`]!);
  };
const traced =
  (make: (fileName: string) => string[]): Fault['change'] =>
  (study, id) => {
    study.tracings = make(`${id}.avi`);
  };

const faults: Record<string, Fault> = {
  splitInLowerCase: { change: label({ Split: 'val' }), reason: 'usable' },
  listedWithSuffix: { change: (study, id) => label({ FileName: `${id}.avi` })(study, id), reason: 'usable' },
  fpsMissing: { change: label({ FPS: 'nan' }), reason: 'usable' },
  headerCountTooHigh: { change: label({ NumberOfFrames: '500' }), reason: 'usable' },
  tracedWithoutSuffix: {
    change: (study) => (study.tracings = study.tracings.map((row) => row.replace('.avi', ''))),
    reason: 'usable',
  },
  frameWrittenAsFloat: {
    change: (study) => (study.tracings = study.tracings.map((row) => `${row}.0`)),
    reason: 'usable',
  },
  efNearItsVolumes: { change: label({ EF: '64.5' }), reason: 'usable' },
  codecOfOtherFrames: {
    change: video(() => aviFile(Array<Buffer>(12).fill(jpegImage(0)), { codec: 'ZZZZ' })),
    reason: /^codec is unknown: "ZZZZ"$/,
  },
  efNaN: { change: label({ EF: 'NaN' }), reason: /^EF is not a number: "NaN"$/ },
  edvEmpty: { change: label({ EDV: '' }), reason: /^EDV is not a number: ""$/ },
  esvInWords: { change: label({ ESV: '40 mL' }), reason: /^ESV is not a number: "40 mL"$/ },
  esvInfinite: { change: label({ ESV: 'Infinity' }), reason: /^ESV is not a number/ },
  efTooHigh: { change: label({ EF: '160' }), reason: /^EF out of range: 160 %/ },
  efNegative: { change: label({ EF: '-5' }), reason: /^EF out of range: -5 %/ },
  efAsFraction: { change: label({ EF: '0.6' }), reason: /^EF is at odds with its volumes: 0\.6 % and 60 %$/ },
  efOfOtherVolumes: { change: label({ EF: '30' }), reason: /^EF is at odds with its volumes/ },
  edvZero: { change: label({ EDV: '0' }), reason: /^EDV out of range: 0 mL/ },
  edvInLitres: { change: label({ EDV: '100200' }), reason: /^EDV out of range/ },
  volumesSwapped: { change: label({ ESV: '100', EDV: '40' }), reason: /^ESV is not below EDV: 100 and 40 mL$/ },
  splitAsFold: { change: label({ Split: '3' }), reason: /^split is unknown: "3"/ },
  notTraced: { change: traced(() => []), reason: /^no tracing/ },
  tracedOnce: { change: traced((name) => tracing(name, 3, 20)), reason: /^traced frames are not two: 1 found$/ },
  tracedThrice: {
    change: traced((name) => [3, 5, 8].flatMap((frame) => tracing(name, frame, 10 + frame))),
    reason: /^traced frames are not two: 3 found$/,
  },
  frameBeyondTheEnd: {
    change: traced((name) => [...tracing(name, 3, 15), ...tracing(name, 12, 22)]),
    reason: /^frame beyond the clip: frame 12 of 12/,
  },
  frameInWords: {
    change: traced((name) => [...tracing(name, 8, 22), ...tracing(name, 'No Systolic', 22)]),
    reason: /^bad tracing: VolumeTracings\.csv, row \d+, .*Frame "No Systolic" and 8 more$/,
  },
  frameNegative: {
    change: traced((name) => [...tracing(name, 3, 15), ...tracing(name, -8, 22)]),
    reason: /^bad tracing: .*Frame "-8"/,
  },
  coordinateNaN: {
    change: (study) => study.tracings.push(study.tracings[4]!.replace(/,[^,]*,/, ',nan,')),
    reason: /^bad tracing: .*X1 "nan"/,
  },
  bowTie: {
    change: traced((name) => {
      const rows = tracing(name, 3, 15);
      const [file, x1, y1, x2, y2, frame] = rows[4]!.split(',');
      rows[4] = [file, x2, y2, x1, y1, frame].join();
      return [...rows, ...tracing(name, 8, 22)];
    }),
    reason: /^polygon intersects itself: frame 3$/,
  },
  noArea: {
    change: traced((name) => [...tracing(name, 3, 0), ...tracing(name, 8, 22)]),
    reason: /^polygon has no area: frame 3$/,
  },
  longAxisAlone: {
    change: traced((name) => [tracing(name, 3, 15)[0]!, ...tracing(name, 8, 22)]),
    reason: /^polygon has too few or too many chords: frame 3 has 0/,
  },
  chordsWithoutEnd: {
    change: traced((name) => [...tracing(name, 3, 15, 5000), ...tracing(name, 8, 22)]),
    reason: /^polygon has too few or too many chords: frame 3 has 5000/,
  },
  equalAreas: {
    change: traced((name) => [...tracing(name, 3, 20), ...tracing(name, 8, 20)]),
    reason: /^polygons are equally large/,
  },
  videoMissing: { change: (study) => (study.videos = {}), reason: /^video is missing: Videos\/videoMissing\.avi$/ },
  videoEmpty: { change: video(() => Buffer.alloc(0)), reason: /^video cannot be read: .*got an empty file$/ },
  videoOfZeros: { change: video(() => Buffer.alloc(5000)), reason: /^video cannot be read: .*got zero bytes$/ },
  videoIsPlayList: {
    change: video(() => Buffer.from('#EXTM3U\nhttp://example.org/a.avi')),
    reason: /^video cannot be read: .*got a play list$/,
  },
  videoCutShort: { change: video((good) => good.subarray(0, good.length - 900)), reason: /cut short/ },
  videoIsMp4: {
    change: video(() => Buffer.from('\0\0\0\x18ftypisom', 'latin1')),
    reason: /^video cannot be read: .*got an MP4 file$/,
  },
  videoWithoutFrames: { change: video(() => aviFile([])), reason: /^video cannot be read: .*got none$/ },
  framesAreNoImages: {
    change: video(() => aviFile(Array(12).fill(Buffer.from('noise')))),
    reason: /^frame is no JPEG image: frame [38]$/,
  },
  listedTwiceAlike: {
    change: (study) => study.list.push({ ...study.list[0]! }),
    reason: /^duplicate row: row \d+ says the same as row \d+$/,
  },
  listedTwiceDiffering: {
    change: (study) => study.list.push({ ...study.list[0]!, Split: 'TEST' }),
    reason: /^duplicate rows that differ: rows \d+, \d+$/,
  },
  unlisted: {
    change: (study) => (study.list = []),
    reason: /^not in FileList\.csv: there is only a tracing and a video$/,
  },
  '<img src=x onerror=alert(1)>': { change: () => undefined, reason: 'usable' },
};

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

  it('judges every kind of fault by itself and lets none stop the rest', async () => {
    const root = folderFor('faults');
    const studies = Object.entries(faults).map(([id, { change }]) => {
      const study = goodStudy(id);
      change(study, id);
      return study;
    });
    writeEchoNet(root, [goodStudy('first'), ...studies, goodStudy('last')]);
    const set = await readEchoNetDynamic(root);
    for (const [id, { reason }] of Object.entries(faults)) {
      const verdicts = byId(set, id);
      const verdict = verdicts.at(-1);
      assert.ok(verdict, id);
      if (reason === 'usable') {
        assert.deepEqual([verdict.usable, verdict.reasons], [true, []], id);
      } else {
        assert.equal(verdict.usable, false, id);
        assert.ok(
          verdict.reasons.every((text) => reason.test(text)),
          `${id}: ${verdict.reasons.join(' | ')}`,
        );
      }
    }
    assert.deepEqual(
      byId(set, 'listedTwiceAlike').map(({ usable }) => usable),
      [true, false],
    );
    assert.deepEqual(
      byId(set, 'listedTwiceDiffering').map(({ usable }) => usable),
      [false, false],
    );
    assert.equal(byId(set, 'efNaN')[0]!.EF, null);
    assert.equal(byId(set, 'tracedOnce')[0]!.edFrame, null);
    assert.equal(set.studies.find(({ id }) => id === 'fpsMissing')?.fps, 30);
    const usable = [
      'first',
      ...Object.keys(faults).filter((id) => faults[id]!.reason === 'usable'),
      'listedTwiceAlike',
    ];
    assert.deepEqual(set.studies.map(({ id }) => id).sort(), [...usable, 'last'].sort());
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
