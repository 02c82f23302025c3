import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { ownMark } from 'gemma-3ncore/host/process_mark';
import { writeReport } from 'gemma-3ncore/report/report';
import { phantomStamp, researchOnly } from 'gemma-3ncore/report/wording';
import { listRuns, type ListedRun } from 'gemma-3ncore/runs';
import { preset } from 'gemma-3ncore/schema/presets';
import { active } from './report/examples.js';
import { cli } from './support/cli.js';
import { useFolder } from './support/folder.js';

const root = useFolder();
const version = '20260101T000000Z';

function writeInto(name: string, file: string, content: unknown): void {
  mkdirSync(join(root, name), { recursive: true });
  writeFileSync(join(root, name, file), typeof content === 'string' ? content : JSON.stringify(content));
}

const recordOf = (status: string, error: string | null = null): object => {
  return { status, error, seed: 0, created: '2026-01-01T00:00:00.000Z' };
};

/** A trained encoder's folder; what is in the file does not matter here. */
function writeEncoder(file: string, run: string, ...path: string[]): void {
  const folder = join(root, run, ...path);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, file), '');
}

const writeAdapter = (...path: [string, ...string[]]): void => writeEncoder('adapter_model.safetensors', ...path);

describe('runs', () => {
  let runs: Map<string, ListedRun>;

  before(async () => {
    const experiment = { ...preset('tiny'), seed: 7 };
    writeInto('a done', 'run.json', recordOf('done'));
    writeInto('a done', 'experiment.json', experiment);
    writeAdapter('a done', 'adapters', version);
    writeAdapter('a done', 'adapters', '20250101T000000Z');
    writeEncoder('model.safetensors', 'a done', 'baseline', 'adapters', version);
    mkdirSync(join(root, 'a done', 'adapters', '.20260101T000001Z.x.tmp'));
    const adapters = active.body.adapters.map((adapter) => ({ ...adapter, path: join('adapters', version) }));
    await writeReport(join(root, 'a done'), 'active', { ...active, body: { ...active.body, adapters } });
    writeInto('b killed', 'run.json', { ...recordOf('running'), process: { ...ownMark(), boot: 'before' } });
    writeInto('b killed', 'experiment.json', experiment);
    writeInto('c failed', 'run.json', recordOf('failed', 'FileList.csv: \u001b[2Jexpected a column'));
    writeInto('d cut', 'run.json', '{"status": "do');
    writeInto('d cut', 'experiment.json', experiment);
    writeInto('e strange', 'run.json', { status: 'great' });
    writeInto('f report', 'run.json', recordOf('done'));
    writeInto('f report', 'active.report.json', { phase: 'active' });
    writeInto('g notebooks', 'experiment.json', { ...experiment, seed: 8 });
    writeInto('h other', 'letter.txt', 'x');
    writeInto('i away', 'run.json', { ...recordOf('running'), process: { ...ownMark(), host: 'another' } });
    writeInto('j under way', 'run.json', { ...recordOf('running'), process: ownMark() });
    writeInto('.hidden', 'run.json', recordOf('done'));
    symlinkSync('a done', join(root, 'latest'));
    runs = new Map(listRuns(root).map((run) => [run.name, run]));
  });

  it('says of every folder what it is', () => {
    assert.deepEqual(
      [...runs.values()].map(({ name, status }) => [name, status]),
      [
        ...[
          ['a done', 'done'],
          ['b killed', 'killed'],
          ['c failed', 'failed'],
          ['d cut', 'broken'],
        ],
        ...[
          ['e strange', 'broken'],
          ['f report', 'broken'],
          ['g notebooks', 'unrecorded'],
          ['h other', 'no run'],
          ['i away', 'running'],
          ['j under way', 'running'],
        ],
      ],
    );
    const problem = (name: string): string => runs.get(name)?.problem ?? '';
    assert.match(problem('d cut'), /d cut.run\.json: expected JSON, got/);
    assert.match(problem('e strange'), /e strange.run\.json: no status of a run$/);
    assert.match(problem('f report'), /active\.report\.json/);
    assert.match(problem('i away'), /^runs on another computer, or was killed there/);
    assert.deepEqual(['a done', 'b killed', 'g notebooks', 'h other', 'j under way'].map(problem), [
      '',
      '',
      '',
      '',
      '',
    ]);
  });

  it('gives preset, data set, seed and each model’s errors on TEST with intervals', () => {
    const { preset: name, dataset, seed, stamps, models } = runs.get('a done')!;
    assert.deepEqual([name, dataset, seed, stamps], ['tiny', 'phantom', 7, [phantomStamp]]);
    assert.deepEqual(
      models.map(({ model }) => model),
      [...new Set(active.body.metrics.map(({ model }) => model))],
    );
    for (const { model, MAE } of models) {
      for (const { target, value, low, high } of MAE) {
        const row = active.body.metrics.find(
          (found) => found.model === model && found.target === target && found.metric === 'MAE',
        )!;
        assert.deepEqual([value, low, high], [row.value, row.low, row.high], `${model} ${target}`);
      }
      assert.ok(MAE.some(({ target }) => target === 'EF'));
    }
    assert.equal(runs.get('g notebooks')!.seed, 8);
    assert.deepEqual(runs.get('d cut')!.models, []);
  });

  it('lists every version of an adapter or encoder, with metrics where the report speaks of it', () => {
    const { adapters, models } = runs.get('a done')!;
    assert.deepEqual(
      adapters.map(({ model, kind, path, parameters }) => [model, kind, path, parameters]),
      [
        ['distilled', 'lora', join('adapters', '20250101T000000Z'), null],
        ['distilled', 'lora', join('adapters', version), 250],
        ['baseline', 'full', join('baseline', 'adapters', version), null],
      ],
    );
    assert.deepEqual(adapters[0]!.MAE, []);
    assert.deepEqual(adapters[1]!.MAE, models.find(({ model }) => model === 'distilled')!.MAE);
  });

  it('gives one run when it is given its folder', () => {
    assert.deepEqual(listRuns(join(root, 'a done')), [runs.get('a done')]);
  });

  it('prints a table for people and one JSON document for machines', async () => {
    const [table, json] = await Promise.all([cli(['runs', '--dir', root]), cli(['runs', '--dir', root, '--json'])]);
    assert.deepEqual([table.code, json.code], [0, 0], table.stderr + json.stderr);
    assert.match(table.stdout, /^run +status +preset +data set +seed +model +EDV \(mL\) +ESV \(mL\) +EF \(%\)$/m);
    assert.match(table.stdout, /^a done +done +tiny +phantom +7 +distilled +\S/m);
    assert.match(table.stdout, /^h other +no run/m);
    assert.match(table.stdout, new RegExp(`^a done +${version} +distilled +lora +250 `, 'm'));
    assert.ok(table.stdout.includes('c failed: FileList.csv: \\u{1b}[2Jexpected a column'));
    assert.ok(!table.stdout.includes('\u001b'));
    assert.ok(table.stdout.endsWith(`${phantomStamp}\n${researchOnly}\n`));
    const document = JSON.parse(json.stdout) as { runs: unknown; research_only: string };
    assert.deepEqual(document.runs, [...runs.values()]);
    assert.equal(document.research_only, researchOnly);
  });

  it('refuses a folder that is not there', async () => {
    const { code, stdout, stderr } = await cli(['runs', '--dir', join(root, 'absent')]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /absent: expected a folder of runs, got no such folder\.$/m);
  });

  it('changes nothing', () => {
    assert.equal(readFileSync(join(root, 'd cut', 'run.json'), 'utf8'), '{"status": "do');
  });
});
