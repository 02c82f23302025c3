import assert from 'node:assert/strict';
import { appendFileSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readEchoNetDynamic } from 'gemma-3ncore/data/echonet_dynamic';
import { extractEach } from 'gemma-3ncore/data/frames';
import { aviFile, jpegImage } from '../support/avi.js';
import { listHeader, tracing, tracingHeader } from '../support/echonet.js';
import { useTemporaryFolder } from '../support/folder.js';

const root = useTemporaryFolder()('scale');
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

describe('ten thousand studies', () => {
  it('are checked within a minute and 500 MB, and their frames come without memory growing', async () => {
    makeFolder();
    const begun = performance.now();
    const set = await readEchoNetDynamic(root);
    const seconds = (performance.now() - begun) / 1000;
    assert.equal(set.studies.length, studies);
    assert.ok(seconds < 60, `${seconds} s`);
    assert.ok(residentMB() < 500, `${residentMB()} MB`);
    let pairs = 0;
    let settled = 0;
    for await (const { kind } of extractEach(set.studies.slice(0, 1500))) {
      assert.equal(kind, 'frames');
      pairs += 1;
      if (pairs === 500) settled = residentMB();
    }
    assert.equal(pairs, 1500);
    assert.ok(residentMB() - settled < 60, `grew from ${settled} to ${residentMB()} MB`);
  });
});
