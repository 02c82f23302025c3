import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { runActive } from 'gemma-3ncore/active';
import { readPredictions } from 'gemma-3ncore/analysis/predictions';
import { openEngine } from 'gemma-3ncore/engine/open';
import { sha256File } from 'gemma-3ncore/files/hash';
import { projectPath } from 'gemma-3ncore/host/places';
import { readReport } from 'gemma-3ncore/report/report';
import { phantomStamp, researchOnly } from 'gemma-3ncore/report/wording';
import { createRun, runPath } from 'gemma-3ncore/run_folder';
import { preset } from 'gemma-3ncore/schema/presets';
import { cli, told, type CliRun } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { adapterOf, filesIn, resultBytes, runRecord, tinyConfig, unfinishedIn } from '../support/run.js';

const root = useFolder();
const env = { NCORE_CACHE: join(root, 'cache') };
const config = join(root, 'e.json');
const [first, again, other] = ['first', 'again', 'other'].map((name) => join(root, name)) as [string, string, string];

const train = (out: string, ...more: string[]): Promise<CliRun> =>
  cli(['train', '--config', config, '--out', out, ...more], { env });

const rowsOf = (file: string): string[][] =>
  readFileSync(join(first, file), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));

describe('3ncore train with the preset tiny', () => {
  let run: CliRun;

  before(async () => {
    tinyConfig(config);
    run = await train(first);
    assert.equal(run.code, 0, run.stderr);
    for (const { code, stderr } of await Promise.all([train(again), train(other, '--seed', '1')])) {
      assert.equal(code, 0, stderr);
    }
  });

  it('prints the summary to stdout and progress to stderr', () => {
    assert.match(run.stdout, /^GEMMA 3NCORE\nFor research only; not for clinical use\.\nPhantom result/);
    assert.ok(run.stdout.endsWith(`${first}\n`), run.stdout);
    for (const model of ['distilled', 'baseline', 'teacher_probe', 'mean'])
      assert.match(run.stdout, new RegExp(`^${model} +\\d`, 'm'));
    assert.match(told(run).join('\n'), /^Training, distilled 8\/8 \(100 %\)/m);
    assert.doesNotMatch(run.stdout, /\d+\/\d+ \(\d+ %\)/);
  });

  it('leaves the run folder of the contract, every file whole', () => {
    assert.deepEqual(readdirSync(first).sort(), [
      ...['active.report.json', 'adapters', 'baseline', 'checkpoints', 'conduit.report.json', 'experiment.json'],
      ...['figures', 'metrics.jsonl', 'predictions.csv', 'reservoir.report.json', 'run.json', 'studies.csv'],
      'tensorboard',
    ]);
    assert.deepEqual(unfinishedIn(first), []);
    assert.deepEqual(JSON.parse(readFileSync(join(first, 'experiment.json'), 'utf8')), preset('tiny'));
  });

  it('records the run with the hashes of its files', () => {
    const { status, seed, command, hashes } = runRecord(first);
    assert.deepEqual([status, seed], ['done', 0]);
    assert.deepEqual(command, ['3ncore', 'train', '--config', config, '--out', first]);
    assert.deepEqual(
      Object.keys(hashes).sort(),
      filesIn(first).filter((file) => file !== 'run.json'),
    );
    for (const [file, hash] of Object.entries(hashes)) assert.equal(sha256File(join(first, file)), hash, file);
  });

  it('writes three valid reports with stamps and the figures they name', () => {
    for (const phase of ['reservoir', 'conduit', 'active'] as const) {
      const { stamps, figures, research_only } = readReport(first, phase);
      assert.deepEqual([stamps, research_only], [[phantomStamp], researchOnly]);
      assert.ok(figures.length >= (phase === 'active' ? 2 : 1), phase);
      for (const { file } of figures) assert.ok(statSync(join(first, file)).size > 0, file);
    }
  });

  it('lists every study', () => {
    const [header, ...rows] = rowsOf('studies.csv');
    assert.equal(header?.join(), 'study,view,split,usable,reason,edFrame,esFrame,EDV,ESV,EF');
    assert.equal(rows.length, preset('tiny').data.phantom.studies);
  });

  it('predicts every VAL and TEST study by each model, labels as in the list', async () => {
    assert.equal(
      rowsOf('predictions.csv')[0]?.join(),
      'study,view,split,model,seed,EDV,ESV,EF,EDV_pred,ESV_pred,EF_pred',
    );
    const studies = rowsOf('studies.csv').slice(1);
    const expected = studies.filter(([, , split]) => split !== 'TRAIN').map(([study]) => study);
    const rows = await readPredictions(join(first, 'predictions.csv'));
    assert.deepEqual([...new Set(rows.map(({ model }) => model))], ['distilled', 'baseline', 'teacher_probe', 'mean']);
    for (const model of ['distilled', 'baseline', 'teacher_probe', 'mean']) {
      const predicted = rows.filter((row) => row.model === model).map(({ study }) => study);
      assert.deepEqual(predicted.sort(), [...expected].sort(), model);
    }
    for (const { study, split, EDV, ESV, EF } of rows) {
      const row = studies.find(([id]) => id === study)!;
      assert.deepEqual([row[2], ...row.slice(7).map(Number)], [split, EDV, ESV, EF]);
    }
    const constant = rows.filter(({ model }) => model === 'mean').map(({ EF_pred }) => EF_pred);
    assert.equal(new Set(constant).size, 1);
    const trained = rows.filter(({ model }) => model === 'distilled').map(({ EF_pred }) => EF_pred);
    assert.equal(new Set(trained).size, expected.length);
  });

  it('writes both adapters with notice and model card, as the report says', () => {
    const { adapters, checkpoints } = readReport(first, 'active').body;
    assert.deepEqual(
      adapters.map(({ model }) => model),
      ['distilled', 'baseline'],
    );
    for (const { model, path, sha256, bytes } of adapters) {
      const folder = adapterOf(first, model as 'distilled');
      assert.equal(join(first, path), folder);
      assert.match(folder, /\/adapters\/\d{8}T\d{6}Z$/);
      assert.deepEqual(readdirSync(folder).sort(), [
        ...['NOTICE', 'README.md', 'adapter_config.json', 'adapter_model.safetensors'],
        ...['regressor.json', 'regressor.safetensors'],
      ]);
      assert.equal(sha256File(join(folder, 'adapter_model.safetensors')), sha256);
      assert.equal(statSync(join(folder, 'adapter_model.safetensors')).size, bytes);
      assert.match(
        readFileSync(join(folder, 'README.md'), 'utf8'),
        /\*\*For research only; not for clinical use\.\*\*/,
      );
      assert.deepEqual(readFileSync(join(folder, 'NOTICE')), readFileSync(projectPath('NOTICE')));
    }
    for (const model of ['distilled', 'baseline']) {
      const own = checkpoints.filter((checkpoint) => checkpoint.model === model);
      assert.deepEqual(
        own.slice(0, 2).map(({ step }) => step),
        [4, 8],
      );
      assert.ok(existsSync(join(first, own.at(-1)!.path, 'student.safetensors')));
      assert.ok([4, 8].includes(own.at(-1)!.step));
    }
  });

  it('gives the same bytes with the same seed and others with another', () => {
    const [a, b, c] = [resultBytes(first), resultBytes(again), resultBytes(other)];
    assert.deepEqual(a, b);
    for (const name of Object.keys(a)) assert.ok(!a[name]!.equals(c[name]!), name);
  });
});

describe('the three phases', () => {
  const former = process.env['NCORE_CACHE'];
  before(() => {
    process.env['NCORE_CACHE'] = env.NCORE_CACHE;
  });
  after(() => {
    if (former === undefined) delete process.env['NCORE_CACHE'];
    else process.env['NCORE_CACHE'] = former;
  });

  it('leave the number of tensors as it was', async () => {
    await openEngine();
    const run = createRun(join(root, 'leak'));
    writeFileSync(runPath(run, 'experiment.json'), JSON.stringify(preset('tiny')));
    const before = tf.memory().numTensors;
    await runActive(run);
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual(resultBytes(run.folder), resultBytes(first));
  });
});
