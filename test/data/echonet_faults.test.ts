import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readEchoNetDynamic } from 'gemma-3ncore/data/echonet_dynamic';
import type { StudySet, Verdict } from 'gemma-3ncore/data/study';
import { BadInput } from 'gemma-3ncore/host/errors';
import { goodStudy, listHeader, writeEchoNet } from '../support/echonet.js';
import { echonetFaults, writeEchoNetFaults } from '../support/echonet_faults.js';
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
  'a spreadsheet': [
    () => Buffer.from('PK\x03\x04 xl/workbook.xml'),
    /got a spreadsheet or ZIP file; save it as comma-sep/,
  ],
  'a packed table': [(text) => gzipSync(text), /got a file packed by gzip; save it as comma-separated values/],
  'text after a quote': [(text) => `${text}"a"b,1\n`, /rows of at most .*, got one with text after a closing quote/],
  'a row of a megabyte': [
    (text) => `${text}${'x'.repeat(2 ** 20)},1,2\n`,
    /rows of at most 65536 characters, got a longer one/,
  ],
  'a web page': [() => '<html><body>sign in</body></html>', /expected a column FileName, got <html>/],
};

const byId = ({ verdicts }: StudySet, id: string): Verdict[] => verdicts.filter((verdict) => verdict.id === id);

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

  it('judges every kind of fault by itself and lets none stop the rest', async () => {
    const root = folderFor('faults');
    writeEchoNetFaults(root);
    const set = await readEchoNetDynamic(root);
    for (const [id, { reason }] of Object.entries(echonetFaults)) {
      const verdict = byId(set, id).at(-1);
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
    const usableOf = (id: string): boolean[] => byId(set, id).map(({ usable }) => usable);
    assert.deepEqual(usableOf('listedTwiceAlike'), [true, false]);
    assert.deepEqual(usableOf('listedTwiceDiffering'), [false, false]);
    assert.equal(byId(set, 'efNaN')[0]!.EF, null);
    assert.equal(byId(set, 'tracedOnce')[0]!.edFrame, null);
    assert.equal(set.studies.find(({ id }) => id === 'fpsMissing')?.fps, 30);
    const usable = Object.keys(echonetFaults).filter((id) => echonetFaults[id]!.reason === 'usable');
    assert.deepEqual(set.studies.map(({ id }) => id).sort(), ['first', ...usable, 'listedTwiceAlike', 'last'].sort());
  });

  it('leaves out what is named in no way that a file system knows', async () => {
    const root = folderFor('unnameable');
    const long = 'x'.repeat(5000);
    const [latin, endless] = [goodStudy('latin'), goodStudy('endless')];
    latin.list[0]!['FileName'] = 'M\xfcller';
    endless.list[0]!['FileName'] = long;
    writeEchoNet(root, [latin, endless]);
    rewrite(join(root, 'FileList.csv'), (text) => Buffer.from(text, 'latin1'));
    const set = await readEchoNetDynamic(root);
    assert.match(verdictOn(set, 'M\ufffdller').reasons.join(), /video is missing: Videos\/M\ufffdller\.avi$/);
    assert.match(verdictOn(set, long).reasons.join(), /video cannot be opened: .* \(ENAMETOOLONG\)$/);
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
    const folder = good('folder');
    rmSync(join(folder, 'FileList.csv'));
    mkdirSync(join(folder, 'FileList.csv'));
    await assert.rejects(readEchoNetDynamic(folder), /got no FileList\.csv in it; what bears that name is no file\.$/);
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

  it('keeps the header of FileList.csv for what it is', async () => {
    const root = good('header');
    rewrite(join(root, 'FileList.csv'), (text) => text.replace(listHeader, listHeader.toLowerCase()));
    await assert.rejects(
      readEchoNetDynamic(root),
      /FileList\.csv, row 1: expected a column FileName, got filename,ef,/,
    );
  });
});
