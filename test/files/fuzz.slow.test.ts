import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readCamusInfo } from 'gemma-3ncore/data/camus_info';
import { openAvi } from 'gemma-3ncore/files/avi';
import { csvRows } from 'gemma-3ncore/files/csv';
import { openDicom } from 'gemma-3ncore/files/dicom';
import { decodeJpeg } from 'gemma-3ncore/files/jpeg';
import { BadInput } from 'gemma-3ncore/host/errors';
import { fold, Random, rootKey } from 'gemma-3ncore/tree/random';
import { aviFile, jpegImage, type AviOptions } from '../support/avi.js';
import { dicomFile, greyBytes, rleFrame } from '../support/dicom.js';
import { useTemporaryFolder } from '../support/folder.js';
import { mutate } from '../support/mutate.js';

const folder = useTemporaryFolder()('fuzz');
const images = [0, 1, 2, 3].map((i) => jpegImage(i));

/** Runs `work` on something broken: it may refuse it, but neither crash nor take more than two seconds. */
async function survives(what: string, work: () => unknown): Promise<'refused' | 'read'> {
  const begun = performance.now();
  let outcome: 'refused' | 'read' = 'read';
  try {
    await work();
  } catch (error) {
    assert.ok(error instanceof BadInput, `${what}: ${String(error instanceof Error ? error.stack : error)}`);
    outcome = 'refused';
  }
  assert.ok(performance.now() - begun < 2000, `${what} took ${performance.now() - begun} ms`);
  return outcome;
}

/** Runs all cases and asserts that both outcomes occur and that memory stays flat. */
async function fuzz(count: number, work: (random: Random) => unknown): Promise<void> {
  const outcomes = { refused: 0, read: 0 };
  const before = process.resourceUsage().maxRSS;
  for (let i = 0; i < count; i++) {
    outcomes[await survives(`case ${i}`, () => work(new Random(fold(rootKey(3), i))))] += 1;
  }
  assert.ok(outcomes.refused > 0 && outcomes.read > 0, JSON.stringify(outcomes));
  const grownMB = (process.resourceUsage().maxRSS - before) / 1024;
  assert.ok(grownMB < 400, `memory grew by ${grownMB} MB`);
}

describe('fuzzed files', () => {
  it('AVI: 1,000 broken files', async () => {
    const layouts: AviOptions[] = [
      {},
      { index: 'none' },
      { records: true },
      { continuation: images },
      { withSound: true },
    ];
    const path = join(folder, 'broken.avi');
    await fuzz(1000, (random) => {
      writeFileSync(path, mutate(aviFile(images, layouts[random.integer(layouts.length)]), random));
      const avi = openAvi(path);
      for (const frame of [0, avi.frames - 1]) decodeJpeg(avi.readFrame(frame), 'frame');
    });
  });

  it('DICOM: 1,000 broken files', async () => {
    const path = join(folder, 'broken.dcm');
    const files = [
      dicomFile({ frames: [...Array(3).keys()].map((i) => greyBytes(i)) }),
      dicomFile({ frames: images, coding: 'jpeg', table: true }),
      dicomFile({ frames: images.flatMap((image) => [image.subarray(0, 100), image.subarray(100)]), coding: 'jpeg' }),
      dicomFile({ frames: [rleFrame([greyBytes(1)])], coding: 'rle' }),
      dicomFile({ frames: [greyBytes(2)], photometric: 'PALETTE COLOR', bigEndian: true }),
    ];
    await fuzz(1000, (random) => {
      writeFileSync(path, mutate(files[random.integer(files.length)]!, random));
      const dicom = openDicom(path);
      for (const frame of [0, dicom.frames - 1]) dicom.readFrame(frame);
    });
  });

  it('JPEG: 1,000 broken images', async () => {
    await fuzz(1000, (random) => decodeJpeg(mutate(images[random.integer(4)]!, random), 'image'));
  });

  it('CSV: 1,000 broken tables', async () => {
    const path = join(folder, 'broken.csv');
    const table = `a,b\n${Array.from({ length: 40 }, (_, i) => `${i},"x ""${i}"""`).join('\r\n')}\n`;
    await fuzz(1000, async (random) => {
      writeFileSync(path, mutate(Buffer.from(table, random.integer(4) === 0 ? 'utf16le' : 'utf8'), random));
      for await (const { values } of csvRows(path, ['a', 'b'])) assert.equal(typeof values.b, 'string');
    });
  });

  it('Info_4CH.cfg of CAMUS: 1,000 broken files', async () => {
    const path = join(folder, 'Info_4CH.cfg');
    const keys = 'ED: 1\nES: 7\nNbFrame: 9\nSex: F\nAge: 56\nImageQuality: Good\nEF: 55\nFrameRate: 48.5\n';
    await fuzz(1000, (random) => {
      writeFileSync(path, mutate(Buffer.from(keys), random));
      const { reasons, edFrame, esFrame, EF } = readCamusInfo(path);
      if (reasons.length > 0) throw new BadInput({ where: path, expected: 'a sound file', got: reasons.join() });
      assert.ok([edFrame, esFrame, EF].every(Number.isFinite) && edFrame !== esFrame);
    });
  });
});
