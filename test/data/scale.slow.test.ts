import assert from 'node:assert/strict';
import { appendFileSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { readEchoNetDynamic } from 'gemma-3ncore/data/echonet_dynamic';
import { openFramePool, type FramePool } from 'gemma-3ncore/data/frame_pool';
import { openFrameSource } from 'gemma-3ncore/data/frame_source';
import type { Study, StudySet } from 'gemma-3ncore/data/study';
import { decodeAll } from 'gemma-3ncore/training_data';
import { Random, rootKey } from 'gemma-3ncore/tree/random';
import { aviFile, jpegImage } from '../support/avi.js';
import { goodStudy, listHeader, tracing, tracingHeader, writeEchoNet } from '../support/echonet.js';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();
const root = folderFor('scale');
const studies = 10030;

/** As many studies as EchoNet-Dynamic has, their videos hard links to five clips of 112×112 and up to 240 frames. */
function makeFolder(): void {
  const images = Array.from({ length: 8 }, (_, i) => jpegImage(i, 112, 112));
  for (let clip = 0; clip < 5; clip++) {
    const frames = Array.from({ length: 80 + 40 * clip }, (_, i) => images[i % 8]!);
    writeFileSync(join(root, `${clip}.bin`), aviFile(frames, { width: 112, height: 112 }));
  }
  mkdirSync(join(root, 'Videos'));
  const [list, tracings] = [join(root, 'FileList.csv'), join(root, 'VolumeTracings.csv')];
  writeFileSync(list, `${listHeader}\n`);
  writeFileSync(tracings, `${tracingHeader}\n`);
  for (let i = 0; i < studies; i++) {
    const id = `0X${i.toString(16).toUpperCase().padStart(16, '0')}`;
    linkSync(join(root, `${i % 5}.bin`), join(root, 'Videos', `${id}.avi`));
    appendFileSync(list, `${id},60,40,100,112,112,50,${80 + 40 * (i % 5)},${['TRAIN', 'VAL', 'TEST'][i % 3]}\n`);
    const rows = [...tracing(`${id}.avi`, 10 + (i % 30), 15, 20), ...tracing(`${id}.avi`, 60, 22, 20)];
    appendFileSync(tracings, `${rows.join('\n')}\n`);
  }
}

const residentMB = (): number => process.resourceUsage().maxRSS / 1024;

/** The work on `count` studies that training does with frames: one pass over all, then steps of 16 in a random order. */
async function useFrames(pool: FramePool, studies: readonly Study[], count: number) {
  const begun = performance.now();
  const { decoded } = await decodeAll(pool, studies.slice(0, count));
  const rate = (1000 * count) / (performance.now() - begun);
  assert.equal(decoded.length, count);
  const source = openFrameSource(pool);
  let [peakMB, pixelsMB] = [0, 0];
  const order = [...new Random(rootKey(1)).permutation(count)].map((i) => decoded[i]!);
  for (let at = 0; at < count; at += 16) {
    source.prefetch(order.slice(at + 16, at + 32));
    await Promise.all(order.slice(at, at + 16).map((study) => source.read(study)));
    const { rss, external } = process.memoryUsage();
    peakMB = Math.max(peakMB, rss / 2 ** 20);
    pixelsMB = Math.max(pixelsMB, external / 2 ** 20);
  }
  return { rate, peakMB, pixelsMB };
}

describe('ten thousand studies', () => {
  before(makeFolder);
  let set: StudySet;

  it('are checked within a minute and 500 MB', async () => {
    const begun = performance.now();
    set = await readEchoNetDynamic(root);
    const seconds = (performance.now() - begun) / 1000;
    assert.equal(set.studies.length, studies);
    assert.ok(seconds < 60, `${seconds} s`);
    assert.ok(residentMB() < 500, `${residentMB()} MB`);
  });

  it('have their frames decoded faster than 100 a second, for 5,000 of them in the memory of 500', async (t) => {
    const pool = openFramePool();
    const few = await useFrames(pool, set.studies, 500);
    const all = await useFrames(pool, set.studies, 5000);
    const grown = all.peakMB - few.peakMB;
    await pool.close();
    const { rate, pixelsMB } = all;
    t.diagnostic(
      `${rate.toFixed(0)} studies a second, ${pixelsMB.toFixed(0)} MB of pixels, ${grown.toFixed(0)} MB more`,
    );
    assert.ok(rate > 100, `${rate} studies a second`);
    // All frames are 125 MB; 32 MB of them are at hand, the rest is on its way or not yet collected.
    assert.ok(pixelsMB < 100, `${pixelsMB} MB of pixels`);
    // 20 MB more of frames than with 500, and the heaps of three threads come to their usual size.
    assert.ok(grown < 100, `grew from ${few.peakMB} by ${grown} MB`);
  });
});

describe('a list without end', () => {
  it('is refused, instead of filling the memory', async () => {
    const long = folderFor('long');
    writeEchoNet(long, [goodStudy('A')]);
    appendFileSync(join(long, 'FileList.csv'), 'X,60,40,100,16,16,50,12,TRAIN\n'.repeat(200_001));
    await assert.rejects(readEchoNetDynamic(long), /FileList\.csv: expected at most 200000 rows, got more\.$/);
  });
});
