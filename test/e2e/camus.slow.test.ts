import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { readRegressorInfo } from 'gemma-3ncore/adapters/regressor_files';
import { writePhantomCamus } from 'gemma-3ncore/data/phantom/camus';
import { FIELD_MM } from 'gemma-3ncore/data/phantom/view';
import { readReport } from 'gemma-3ncore/report/report';
import { doNotShareStamp } from 'gemma-3ncore/report/wording';
import { preset } from 'gemma-3ncore/schema/presets';
import { cli } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { adapterOf, filesIn, tinyConfig } from '../support/run.js';

const root = useFolder();
const env = { NCORE_CACHE: join(root, 'cache') };
const data = join(root, 'data');
const out = join(root, 'run');

describe('a folder in the layout of CAMUS', () => {
  before(() => writePhantomCamus(data, { studies: 6, seed: 1, size: 64, split: { train: 0.5, val: 0.17 } }));

  it('is trained on in both views; results are stamped, the split is named and nothing is written into it', async () => {
    const files = filesIn(data);
    const config = tinyConfig(join(root, 'e.json'));
    const run = await cli(['train', '--config', config, '--dataset', 'camus', '--data-root', data, '--out', out], {
      env,
    });
    assert.equal(run.code, 0, run.stderr);
    const report = readReport(out, 'conduit');
    assert.deepEqual(report.stamps, [doNotShareStamp]);
    const { counts, dataset } = report.body;
    assert.deepEqual(Object.fromEntries(Object.entries(counts).map(([split, { usable }]) => [split, usable])), {
      TRAIN: 6,
      VAL: 2,
      TEST: 4,
    });
    assert.deepEqual([dataset.name, dataset.restricted, dataset.phantom], ['camus', true, false]);
    assert.match(dataset.licence, /^CC BY-NC-SA 4\.0/);
    assert.match(JSON.stringify(report), /The split is that of the files database_split/);
    const predictions = readFileSync(join(out, 'predictions.csv'), 'utf8');
    assert.match(predictions, /^patient\d{4}_2CH,2CH,TEST,distilled/m);
    assert.match(predictions, /^patient\d{4}_4CH,4CH,TEST,distilled/m);
    assert.deepEqual(filesIn(data), files);
    const { trainingFrames } = readRegressorInfo(adapterOf(out, 'distilled'));
    assert.deepEqual([trainingFrames!.dataset, trainingFrames!.preparation], ['camus', { whole: 6 }]);
    // The spacing of the NIfTI files, after the resize to the student's input.
    const { x, y, studies } = trainingFrames!.spacing!;
    const { width, height } = preset('tiny').student.preprocessing;
    assert.ok(studies === 6 && Math.abs((x.median * width) / FIELD_MM - 1) < 1e-6, JSON.stringify(x));
    assert.ok(Math.abs((y.median * height) / FIELD_MM - 1) < 1e-6, JSON.stringify(y));
  });
});
