import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { readExperiment } from 'gemma-3ncore/experiment';
import { projectPath } from 'gemma-3ncore/host/places';
import { readReport } from 'gemma-3ncore/report/report';
import { aggregatesStamp, doNotShareStamp, researchOnly } from 'gemma-3ncore/report/wording';
import { cli, told, type CliRun } from '../support/cli.js';
import { goodStudy, writeEchoNet, type TestStudy } from '../support/echonet.js';
import { useTemporaryFolder } from '../support/folder.js';
import { plantedIn } from '../support/planted.js';
import { filesIn, tinyConfig, unfinishedIn } from '../support/run.js';

const folderFor = useTemporaryFolder();
const root = folderFor('root');
const data = folderFor('Dr_Plantwell_home');
const env = { NCORE_CACHE: folderFor('cache') };
const out = join(root, 'run');
const shared = join(root, 'shared');
const splits = ['TRAIN', 'TRAIN', 'TRAIN', 'TRAIN', 'VAL', 'TEST', 'TEST', 'TEST'];
const names = splits.map((_, i) => (i === 5 ? '<b>MRN4815162' : `Plant^Erika_${1960 + i}`));
/** A label that no aggregate has by chance. */
const label = 57.31249;
const phases = ['reservoir', 'conduit', 'active'] as const;

function plantedStudies(): TestStudy[] {
  return splits.map((split, i) => {
    const study = goodStudy(names[i]!);
    study.list[0]!['Split'] = split;
    study.list[0]!['EF'] = String(label - i);
    study.list[0]!['ESV'] = String(100 - label + i);
    study.list[0]!['EDV'] = '100';
    return study;
  });
}

/** The project's notebook as a client leaves it: outputs with a name, and a cell of the user's. */
function writeExecuted(phase: string): void {
  const notebook = JSON.parse(readFileSync(projectPath('notebooks', `${phase}.ipynb`), 'utf8')) as {
    cells: Record<string, unknown>[];
    metadata: Record<string, unknown>;
  };
  const output = { output_type: 'stream', name: 'stdout', text: [`${names[0]} ${data}`] };
  for (const cell of notebook.cells) if (cell['cell_type'] === 'code') cell['outputs'] = [output];
  const own = {
    cell_type: 'code',
    id: 'own',
    metadata: {},
    source: [`// ${names[1]}`],
    outputs: [],
    execution_count: 7,
  };
  notebook.cells.push(own);
  notebook.metadata['author'] = names[2];
  writeFileSync(join(out, `${phase}.ipynb`), JSON.stringify(notebook));
  writeFileSync(join(out, `${phase}.html`), `<p>${names[0]}</p>`);
}

describe('3ncore export --shareable', () => {
  let train: CliRun;
  let run: CliRun;
  const planted = [...names, data, root, 'Plantwell', String(label), String(label - 3)];

  before(async () => {
    writeEchoNet(data, plantedStudies());
    const config = tinyConfig(join(root, 'e.json'));
    const source = ['--dataset', 'echonet-dynamic', '--data-root', data];
    train = await cli(['train', '--config', config, ...source, '--out', out], { env });
    assert.equal(train.code, 0, train.stderr);
    phases.forEach(writeExecuted);
    run = await cli(['export', '--shareable', out, '--out', shared], { env });
    assert.equal(run.code, 0, run.stderr);
  });

  it('finds in the run folder what it must not find in the export', () => {
    const found = plantedIn(out, planted);
    for (const text of planted)
      assert.ok(
        found.some((line) => line.endsWith(text)),
        text,
      );
  });

  it('holds no study, no row, no folder and no text of a user', () => {
    assert.deepEqual(plantedIn(shared, planted), []);
    const files = filesIn(shared);
    assert.deepEqual(
      files.filter((file) => /\.(csv|safetensors|png)$|checkpoints|adapters|tensorboard/.test(file)),
      [],
    );
    assert.deepEqual(
      files.filter((file) => /scatter|bland|montage|labels/i.test(file)),
      [],
    );
    assert.deepEqual(unfinishedIn(root), []);
  });

  it('has reports that are valid, without excluded studies, and with the terms they stand under', () => {
    for (const phase of phases) {
      const report = readReport(shared, phase);
      assert.deepEqual(report.stamps, [aggregatesStamp]);
      const terms = report.tables.find(({ name }) => name === 'terms')!;
      const row = terms.rows.find(({ kind }) => kind === 'dataset')!;
      assert.match(String(row['terms_url']), /^https:\/\/echonet\.github\.io/);
      assert.match(String(row['accepted']), /^shown, and acknowledged by use; not accepted by name, 20/);
      const html = readFileSync(join(shared, `${phase}.html`), 'utf8');
      for (const text of [researchOnly, aggregatesStamp, 'Research Use Agreement'])
        assert.ok(html.includes(text), text);
    }
    assert.deepEqual(readReport(shared, 'conduit').body.excluded, []);
    const { data: source } = readExperiment(join(shared, 'experiment.json'));
    assert.deepEqual([source.dataset, source.root], ['echonet-dynamic', null]);
  });

  it('hides what three patients of TEST, one of VAL and four of TRAIN say', () => {
    const { body } = readReport(shared, 'active');
    assert.ok(body.metrics.every(({ value, patients }) => value === null && patients === 3));
    assert.ok(body.comparisons.every(({ value, favours }) => value === null && favours === 'neither'));
    assert.ok(body.training.every(({ validation }) => validation.every(({ task }) => task === null)));
    assert.deepEqual(
      body.training.flatMap(({ history }) => history),
      [],
    );
    assert.equal(readReport(shared, 'conduit').body.probe, undefined);
  });

  it("keeps of a notebook the project's cells, without outputs", () => {
    for (const phase of phases) {
      const stored = JSON.parse(readFileSync(projectPath('notebooks', `${phase}.ipynb`), 'utf8')) as unknown;
      assert.deepEqual(JSON.parse(readFileSync(join(shared, `${phase}.ipynb`), 'utf8')), stored);
    }
  });

  it('says what was left out, and refuses a folder that is there and a run that is none', async () => {
    const readme = readFileSync(join(shared, 'README.md'), 'utf8');
    for (const text of ['## Left out', '## Terms', 'Adapters', 'cite: Ouyang']) assert.ok(readme.includes(text), text);
    for (const [args, says] of [
      [['--shareable', out, '--out', shared], /expected a new folder, got one that is there/],
      [['--shareable', root], /expected a run folder with experiment\.json, got none/],
      [[out], /required option '--shareable' not specified/],
    ] as const) {
      const refused = await cli(['export', ...args], { env });
      assert.equal(refused.code, 2, refused.stderr);
      assert.match(told(refused).join('\n'), says);
    }
  });

  it('is not needed to see the terms: each report and the terminal show them', () => {
    assert.match(train.stderr, /By pointing to the data you say that you hold it under these terms/);
    for (const phase of phases) {
      const { stamps, tables } = readReport(out, phase);
      assert.deepEqual(stamps, [doNotShareStamp]);
      assert.ok(tables.some(({ name }) => name === 'terms'));
    }
    assert.ok(existsSync(join(env.NCORE_CACHE, 'terms.json')));
  });
});
