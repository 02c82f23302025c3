import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readClips } from 'gemma-3ncore/data/clips';
import { patientName } from '../support/dicom.js';
import { clipFaults, clipTable, writeClipFaults } from '../support/clip_faults.js';
import { ffmpegOrSkip, makeVideo } from '../support/ffmpeg.js';
import { aviFile, jpegImage } from '../support/avi.js';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();
const clip = aviFile([0, 1, 2, 3].map((i) => jpegImage(i)));

/** Verdicts and reasons by FileName, in the order of the table. */
async function judge(root: string): Promise<[id: string, usable: boolean, reasons: string][]> {
  const { verdicts } = await readClips(root);
  return verdicts.map(({ id, usable, reasons }) => [id, usable, reasons.join(' | ')]);
}

describe('own clips with faults', () => {
  it('judges every kind of fault by itself and lets none stop the rest', { timeout: 60_000 }, async () => {
    const root = folderFor('faults/clips');
    writeClipFaults(root);
    const set = await readClips(root);
    const wrong = Object.entries(clipFaults).filter(([name, { reason }]) => {
      const { usable, reasons } = set.verdicts.find(({ id }) => id === name)!;
      return reason === 'usable' ? !usable : usable || !reasons.every((text) => reason.test(text));
    });
    assert.deepEqual(
      wrong.map(([name]) => set.verdicts.find(({ id }) => id === name)),
      [],
    );
    const usable = Object.entries(clipFaults).flatMap(([name, { reason }]) => (reason === 'usable' ? [name] : []));
    assert.deepEqual(
      set.studies.map(({ id }) => id),
      usable,
    );
    assert.ok(!JSON.stringify(set).includes(patientName));
  });

  it('takes a path for the same file however it is written', async () => {
    const root = folderFor('twice');
    for (const name of ['a.avi', 'b.avi']) writeFileSync(join(root, name), clip);
    const names = ['a.avi', './a.avi', 'x/../a.avi', './b.avi', 'b.avi', join(root, 'b.avi')];
    writeFileSync(join(root, 'clips.csv'), clipTable(names.map((FileName) => ({ FileName }))));
    assert.deepEqual(
      (await judge(root)).map(([, , reasons]) => reasons),
      [
        '',
        'duplicate row: row 3 says the same as row 2',
        'duplicate row: row 4 says the same as row 2',
        '',
        'duplicate row: row 6 says the same as row 5',
        'duplicate row: row 7 says the same as row 5',
      ],
    );
  });

  it('reads the table as spreadsheets and editors write it', async () => {
    const dresses: Record<string, (text: string) => string | Buffer> = {
      'byte order mark': (text) => `\uFEFF${text}`,
      'CR LF': (text) => text.replaceAll('\n', '\r\n'),
      'UTF-16': (text) => Buffer.from(`\uFEFF${text}`, 'utf16le'),
      quotes: (text) => text.replaceAll(/[^,\n]+/g, '"$&"'),
      'empty fields and lines at the end': (text) => text.replaceAll('\n', ',,,\n\n'),
      'fields missing at the end': (text) => text.replaceAll(',,\n', '\n'),
    };
    for (const [name, dress] of Object.entries(dresses)) {
      const root = folderFor(`dress/${name}`);
      writeFileSync(join(root, 'a.avi'), clip);
      writeFileSync(join(root, 'clips.csv'), dress(clipTable([{ FileName: 'a.avi' }])));
      assert.deepEqual(await judge(root), [['a.avi', true, '']], name);
    }
  });

  it('says of a folder that is none what it is', async () => {
    const root = folderFor('none');
    writeFileSync(join(root, 'a.avi'), clip);
    await assert.rejects(readClips(join(root, 'nowhere')), /expected a folder with clips\.csv, got no such folder; /);
    await assert.rejects(readClips(join(root, 'a.avi')), /expected a folder with clips\.csv, got a file; /);
    writeFileSync(join(root, 'clips.csv'), clipTable([]).replaceAll(',', ';'));
    await assert.rejects(readClips(root), /^BadInput: clips\.csv, row 1: .*got semicolons; save it as comma-separated/);
  });

  it('judges videos that ffmpeg decodes by what it finds in them', async (t) => {
    const { program, skip } = await ffmpegOrSkip();
    if (skip !== false) return t.skip(skip);
    const root = folderFor('videos');
    const at = (name: string): string => join(root, name);
    const h264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p'];
    makeVideo(program, at('good.mp4'), 12, ...h264, '-movflags', 'faststart');
    makeVideo(program, at('good.mov'), 12, ...h264);
    makeVideo(program, at('good.avi'), 12, '-c:v', 'mpeg4');
    copyFileSync(at('good.mp4'), at('called.avi'));
    copyFileSync(at('good.mp4'), at('-i concat:x %03d.mp4'));
    copyFileSync(at('good.mp4'), at('cut.mp4'));
    truncateSync(at('cut.mp4'), readFileSync(at('good.mp4')).indexOf('mdat') + 900);
    copyFileSync(at('good.mov'), at('headless.mov'));
    truncateSync(at('headless.mov'), 2000);
    writeFileSync(at('start.mp4'), readFileSync(at('good.mp4')).subarray(0, 28));
    writeFileSync(
      at('other codec.avi'),
      readFileSync(at('good.avi')).toString('latin1').replaceAll('FMP4', 'H264'),
      'latin1',
    );
    makeVideo(program, at('sound.mp4'), 12, '-f', 'lavfi', '-i', 'sine=duration=1', '-map', '1:a', '-c:a', 'aac');
    const expected: [name: string, reason: RegExp | 'usable'][] = [
      ['good.mp4', 'usable'],
      ['good.mov', 'usable'],
      ['good.avi', 'usable'],
      ['called.avi', 'usable'],
      ['-i concat:x %03d.mp4', 'usable'],
      ['cut.mp4', /^frame beyond the clip: ES 10 of [0-9] \(0-based\)$|^clip cannot be read/],
      [
        'headless.mov',
        /^clip cannot be read: headless\.mov: expected a video that ffmpeg decodes, got an error \(moov atom/,
      ],
      ['start.mp4', /^clip cannot be read: start\.mp4: expected a video that ffmpeg decodes, got an error/],
      ['sound.mp4', /^clip cannot be read: sound\.mp4: expected a video stream, got none$/],
      ['other codec.avi', /^frames cannot be decoded: other codec\.avi: expected /],
    ];
    writeFileSync(at('clips.csv'), clipTable(expected.map(([FileName]) => ({ FileName, ES: '10' }))));
    const found = await judge(root);
    expected.forEach(([name, reason], i) => {
      const [id, usable, reasons] = found[i]!;
      assert.equal(id, name);
      if (reason === 'usable') assert.deepEqual([usable, reasons], [true, ''], name);
      else assert.ok(!usable && reason.test(reasons), `${name}: ${reasons}`);
      assert.ok(!reasons.includes(root), reasons);
    });
  });
});
