import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readEchoNetDynamic } from 'gemma-3ncore/data/echonet_dynamic';
import type { StudySet, Verdict } from 'gemma-3ncore/data/study';
import { BadInput } from 'gemma-3ncore/host/errors';
import { aviFile, jpegImage } from '../support/avi.js';
import { goodStudy, listHeader, tracing, writeEchoNet, type TestStudy } from '../support/echonet.js';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();

/** A folder of good studies. */
function good(name: string, ids = ['A', 'B', 'C']): string {
  const root = folderFor(name);
  writeEchoNet(root, ids.map(goodStudy));
  return root;
}

const verdictOn = ({ verdicts }: StudySet, id: string): Verdict => verdicts.find((verdict) => verdict.id === id)!;

/** Writes a table anew. */
function rewrite(path: string, change: (text: string) => string | Buffer): void {
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}

const swapBytes = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

/** A table with its columns in another order and more of them. */
const reordered = (text: string): string =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line, i) => [i === 0 ? 'Note' : '"a, ""b"""', ...line.split(',').reverse(), 'x'].join())
    .join('\n');

/** Tables that say the same. */
const dresses: Record<string, (text: string) => string | Buffer> = {
  'byte order mark': (text) => `\uFEFF${text}`,
  'CR LF': (text) => text.replaceAll('\n', '\r\n'),
  'CR alone': (text) => text.replaceAll('\n', '\r'),
  'no line end at the end': (text) => text.trimEnd(),
  'blank lines': (text) => text.replaceAll('\n', '\n\n'),
  quotes: (text) => text.replaceAll(/[^,\n]+/g, '"$&"'),
  'spaces around': (text) => text.replaceAll(',', ' , '),
  'further columns, in another order': reordered,
  'UTF-16 little endian with mark': (text) => Buffer.from(`\uFEFF${text}`, 'utf16le'),
  'UTF-16 little endian without': (text) => Buffer.from(text, 'utf16le'),
  'UTF-16 big endian with mark': (text) => swapBytes(`\uFEFF${text}`),
  'UTF-16 big endian without': swapBytes,
};

/** Tables that nobody can be sure of. */
const refused: Record<string, [(text: string) => string | Buffer, RegExp]> = {
  semicolons: [(text) => text.replaceAll(',', ';'), /got semicolons; save it as comma-separated values/],
  tabs: [(text) => text.replaceAll(',', '\t'), /got tabs; save it as comma-separated values/],
  'a column twice': [(text) => text.replace(/^FileName/, 'FileName,FileName'), /one column FileName, got several/],
  'a column missing': [(text) => text.replace(/^FileName/, 'Name'), /expected a column FileName, got Name,/],
  'no bytes': [() => '', /expected a column FileName, got an empty file/],
  'NUL bytes': [() => Buffer.alloc(5000), /expected a column FileName/],
  'a quote that is never closed': [(text) => `${text}"${'x'.repeat(100_000)}`, /a quote that is never closed/],
  'a web page': [() => '<html><body>sign in</body></html>', /expected a column FileName, got <html>/],
};

/** What a good study becomes, and the reason it is left out with. */
const faults: Record<string, [(study: TestStudy, id: string) => void, RegExp]> = {
  efWithDecimalComma: [(study) => (study.list[0]!['EF'] = '"60,2"'), /^EF is not a number: "60,2"$/],
  efInHexadecimal: [(study) => (study.list[0]!['EF'] = '0x3C'), /^EF is not a number: "0x3C"$/],
  efOfHundred: [(study) => (study.list[0]!['EF'] = '100'), /^EF out of range: 100 %/],
  esvNegative: [(study) => (study.list[0]!['ESV'] = '-40'), /^ESV out of range: -40 mL/],
  volumesAlike: [
    (study) => Object.assign(study.list[0]!, { ESV: '100.2', EF: '1' }),
    /^ESV is not below EDV: 100\.2 and 100\.2 mL$/,
  ],
  splitEmpty: [(study) => (study.list[0]!['Split'] = ''), /^split is unknown: ""/],
  idInLatin1: [(study) => (study.list[0]!['FileName'] = 'M\xfcller'), /^no tracing|^video is missing/],
  nameOfLength5000: [
    (study) => (study.list[0]!['FileName'] = 'x'.repeat(5000)),
    /^no tracing|^video cannot be opened: .* \(ENAMETOOLONG\)$/,
  ],
  tracedAlone: [
    (study) => Object.assign(study, { list: [], videos: {} }),
    /^not in FileList\.csv: there is only a tracing$/,
  ],
  filmedAlone: [
    (study) => Object.assign(study, { list: [], tracings: [] }),
    /^not in FileList\.csv: there is only a video$/,
  ],
  videoInCapitals: [
    (study, id) => (study.videos = { [`${id}.AVI`]: study.videos[`${id}.avi`]! }),
    /^video is missing: Videos\/videoInCapitals\.avi$/,
  ],
  chordsOfText: [
    (study, id) => (study.tracings = [`${id}.avi,a,b,c,d,3`, ...tracing(`${id}.avi`, 8, 22)]),
    /^bad tracing: .*X1 "a"$/,
  ],
  frameHuge: [
    (study, id) => (study.tracings = [...tracing(`${id}.avi`, 3, 15), ...tracing(`${id}.avi`, '1e300', 22)]),
    /^bad tracing: .*Frame "1e300"/,
  ],
  frameHalf: [
    (study, id) => (study.tracings = [...tracing(`${id}.avi`, 3, 15), ...tracing(`${id}.avi`, '7.5', 22)]),
    /^bad tracing: .*Frame "7\.5"/,
  ],
  fewerFramesThanClaimed: [
    (study, id) => {
      study.videos[`${id}.avi`] = aviFile(
        [0, 1, 2, 3, 4].map((i) => jpegImage(i)),
        { claimedFrames: 12 },
      );
    },
    /^frame beyond the clip: frame 8 of 5 \(0-based\)$/,
  ],
  firstFrameDropped: [
    (study, id) => {
      const images = Array.from({ length: 12 }, (_, i) => (i < 5 ? Buffer.alloc(0) : jpegImage(i)));
      study.videos[`${id}.avi`] = aviFile(images);
    },
    /^video cannot be read: .*a dropped frame 3 that nothing precedes$/,
  ],
  videoIsDicom: [
    (study, id) => (study.videos[`${id}.avi`] = Buffer.from(`${'\0'.repeat(128)}DICM`)),
    /^video cannot be read: .*got a DICOM file$/,
  ],
  videoIsConcatenation: [
    (study, id) => (study.videos[`${id}.avi`] = Buffer.from('ffconcat version 1.0\nfile /etc/passwd\n')),
    /^video cannot be read: .*got a play list$/,
  ],
  videoIsWebPage: [
    (study, id) => (study.videos[`${id}.avi`] = Buffer.from('<html>sign in</html>')),
    /^video cannot be read: .*got bytes that begin with "<html>/,
  ],
};

describe('EchoNet-Dynamic in other dress and with other faults', () => {
  it('reads tables as spreadsheets and editors write them', async () => {
    const expected = (await readEchoNetDynamic(good('plain'))).verdicts;
    assert.ok(expected.every(({ usable }) => usable));
    for (const [name, dress] of Object.entries(dresses)) {
      const root = good(`dress/${name}`);
      for (const table of ['FileList.csv', 'VolumeTracings.csv']) rewrite(join(root, table), dress);
      assert.deepEqual((await readEchoNetDynamic(root)).verdicts, expected, name);
    }
  });

  it('refuses tables that nobody can be sure of, naming file and row', async () => {
    for (const table of ['FileList.csv', 'VolumeTracings.csv']) {
      for (const [name, [change, message]] of Object.entries(refused)) {
        const root = good(`refused/${table} ${name}`);
        rewrite(join(root, table), change);
        await assert.rejects(
          readEchoNetDynamic(root),
          (error) =>
            error instanceof BadInput && message.test(error.message) && error.message.startsWith(`${table}, row `),
          `${table}: ${name}`,
        );
      }
    }
  });

  it('gives each fault its reason and goes on', async () => {
    const root = folderFor('faults');
    const studies = Object.entries(faults).map(([id, [change]]) => {
      const study = goodStudy(id);
      change(study, id);
      return study;
    });
    writeEchoNet(root, [...studies, goodStudy('last')]);
    rewrite(join(root, 'FileList.csv'), (text) => Buffer.from(text, 'latin1'));
    const set = await readEchoNetDynamic(root);
    const idOf: Record<string, string> = { idInLatin1: 'M\ufffdller', nameOfLength5000: 'x'.repeat(5000) };
    for (const [id, [, reason]] of Object.entries(faults)) {
      const verdict = verdictOn(set, idOf[id] ?? id);
      assert.ok(verdict !== undefined && !verdict.usable, id);
      assert.ok(
        verdict.reasons.every((text) => reason.test(text)),
        `${id}: ${verdict.reasons.join(' | ')}`,
      );
    }
    assert.deepEqual(
      set.studies.map(({ id }) => id),
      ['last'],
    );
  });

  it('waits for no pipe and reads no folder, device or circle of links as a video', { timeout: 20_000 }, async () => {
    const names = ['pipe', 'folder', 'device', 'circle', 'nowhere', 'fine'];
    const root = good('odd', names);
    const at = (name: string): string => join(root, 'Videos', `${name}.avi`);
    for (const name of names.slice(0, -1)) rmSync(at(name));
    execFileSync('mkfifo', [at('pipe')]);
    mkdirSync(at('folder'));
    symlinkSync('/dev/zero', at('device'));
    symlinkSync(at('circle'), at('circle'));
    symlinkSync(join(root, 'Videos', 'absent'), at('nowhere'));
    const set = await readEchoNetDynamic(root);
    assert.deepEqual(
      names.map((name) => verdictOn(set, name).reasons),
      [
        ['video is no file: Videos/pipe.avi'],
        ['video is no file: Videos/folder.avi'],
        ['video outside the data root: FileName "device.avi"'],
        ['video cannot be opened: Videos/circle.avi (ELOOP)'],
        ['video is missing: Videos/nowhere.avi'],
        [],
      ],
    );
  });

  it('waits for no pipe in place of a table either, and knows tables by any case', { timeout: 20_000 }, async () => {
    for (const table of ['FileList.csv', 'VolumeTracings.csv']) {
      const root = good(`pipe/${table}`);
      rmSync(join(root, table));
      execFileSync('mkfifo', [join(root, table)]);
      await assert.rejects(readEchoNetDynamic(root), new RegExp(`got no ${table} in it`));
    }
    const lower = good('lower');
    renameSync(join(lower, 'FileList.csv'), join(lower, 'filelist.CSV'));
    await assert.rejects(readEchoNetDynamic(lower), /got no FileList\.csv in it; name filelist\.CSV as it was/);
    await assert.rejects(readEchoNetDynamic(folderFor('empty')), /got no FileList\.csv in it; point to the folder/);
  });

  it('reports files whose names are no UTF-8', async () => {
    const root = good('names');
    const path = Buffer.concat([
      Buffer.from(join(root, 'Videos', 'x')),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('.avi'),
    ]);
    writeFileSync(path, readFileSync(join(root, 'Videos', 'A.avi')));
    const { verdicts, studies } = await readEchoNetDynamic(root);
    assert.equal(studies.length, 3);
    assert.deepEqual(
      verdicts.slice(3).map(({ id, reasons }) => [id, reasons]),
      [['x\ufffd\ufffd', ['not in FileList.csv: there is only a video']]],
    );
  });

  it('takes text from data for nothing but text', async () => {
    const id = '<script>alert(1)</script>'.replace('/', '∕');
    const root = folderFor('html');
    const odd = goodStudy(id);
    odd.list[0]!['Split'] = '\u001b[2J<b>';
    writeEchoNet(root, [goodStudy('A'), odd]);
    const set = await readEchoNetDynamic(root);
    assert.match(verdictOn(set, id).reasons.join(), /^split is unknown: "\\u\{1b\}\[2J<b>"/);
  });

  it('keeps the header of FileList.csv for what it is', async () => {
    const root = good('header');
    rewrite(join(root, 'FileList.csv'), (text) => text.replace(listHeader, listHeader.toLowerCase()));
    await assert.rejects(
      readEchoNetDynamic(root),
      /FileList\.csv, row 1: expected a column FileName, got filename,ef,/,
    );
  });
});
