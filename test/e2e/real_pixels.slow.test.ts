import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { sha256File } from 'gemma-3ncore/files/hash';
import { readReport } from 'gemma-3ncore/report/report';
import { doNotShareStamp, phantomStamp } from 'gemma-3ncore/report/wording';
import { cli } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { writeRealPixels } from '../support/python.js';
import { adapterOf, filesIn, runRecord, tinyConfig } from '../support/run.js';

const root = useFolder();
const env = { NCORE_CACHE: join(root, 'cache') };
const data = join(root, 'data');
const out = join(root, 'run');
const clips = 20;

/** Every file of the data root with content and time of its last change. */
const stateOfData = (): unknown[] =>
  filesIn(data).map((file) => [file, sha256File(join(data, file)), statSync(join(data, file)).mtimeMs]);

describe('a folder of real pixels in the layout of EchoNet-Dynamic', () => {
  let state: unknown[];
  const source = ['--dataset', 'echonet-dynamic', '--data-root', data];

  before(() => {
    writeRealPixels(data, clips);
    state = stateOfData();
  });

  it('is usable as a whole', async () => {
    const { code, stdout } = await cli(['data', 'check', ...source, '--json'], { env });
    assert.equal(code, 0);
    const { usable, excluded } = JSON.parse(stdout) as { usable: number; excluded: number };
    assert.deepEqual([usable, excluded], [clips, 0], stdout);
  });

  it('is trained on; results are stamped and nothing is written into it', async () => {
    const config = tinyConfig(join(root, 'e.json'));
    const run = await cli(['train', '--config', config, ...source, '--out', out], { env });
    assert.equal(run.code, 0, run.stderr);
    assert.equal(runRecord(out).status, 'done');
    assert.ok(run.stdout.includes(doNotShareStamp) && !run.stdout.includes(phantomStamp));
    for (const phase of ['reservoir', 'conduit', 'active'] as const) {
      assert.deepEqual(readReport(out, phase).stamps, [doNotShareStamp]);
    }
    assert.ok(readFileSync(join(adapterOf(out, 'distilled'), 'README.md'), 'utf8').includes(doNotShareStamp));
    const { counts, dataset } = readReport(out, 'conduit').body;
    assert.deepEqual(Object.fromEntries(Object.entries(counts).map(([split, { usable }]) => [split, usable])), {
      TRAIN: 12,
      VAL: 4,
      TEST: 4,
    });
    assert.deepEqual([dataset.restricted, dataset.phantom], [true, false]);
    assert.deepEqual(stateOfData(), state);
  });
});
