import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { readReport } from 'gemma-3ncore/report/report';
import { phantomStamp, researchOnly } from 'gemma-3ncore/report/wording';
import { cli, type CliRun } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { dataOf, executedNotebook } from '../support/notebook.js';
import { filesIn, resultBytes, runRecord, tinyConfig, unfinishedIn } from '../support/run.js';

const root = useFolder();
const env = { NCORE_CACHE: join(root, 'cache') };
const config = join(root, 'e.json');
const out = join(root, 'run');
const phases = ['reservoir', 'conduit', 'active'] as const;

function latest(): string | undefined {
  const path = projectPath('runs', 'latest');
  return existsSync(path) ? readlinkSync(path) : undefined;
}

describe('3ncore start with the preset tiny', () => {
  let run: CliRun;
  const latestBefore = latest();

  before(async () => {
    tinyConfig(config);
    run = await cli(['start', '--config', config, '--out', out], { env });
    assert.equal(run.code, 0, run.stderr);
  });

  it('leaves the run folder of the contract and prints the summary alone to stdout', () => {
    const expected = [
      ...phases.flatMap((phase) => [`${phase}.html`, `${phase}.ipynb`, `${phase}.report.json`]),
      ...['adapters', 'baseline', 'checkpoints', 'experiment.json', 'figures', 'predictions.csv', 'run.json'],
      ...['metrics.jsonl', 'studies.csv', 'tensorboard'],
    ];
    assert.deepEqual(readdirSync(out).sort(), expected.sort());
    assert.deepEqual(unfinishedIn(out), []);
    assert.match(run.stdout, /^GEMMA 3NCORE\nFor research only; not for clinical use\./);
    assert.ok(run.stdout.endsWith(`${out}\n`));
    const { status, hashes } = runRecord(out);
    assert.equal(status, 'done');
    assert.deepEqual(
      Object.keys(hashes).sort(),
      filesIn(out).filter((file) => file !== 'run.json'),
    );
    for (const phase of phases) assert.deepEqual(readReport(out, phase).stamps, [phantomStamp]);
    assert.equal(latest(), latestBefore);
  });

  for (const phase of phases) {
    it(`executes ${phase}.ipynb: no error, figures with and without JavaScript, tables, the warning`, () => {
      const { outputs, html } = executedNotebook(out, phase);
      assert.deepEqual(
        outputs.filter(({ output_type }) => output_type === 'error'),
        [],
      );
      const figures = outputs.filter((output) => dataOf(output, 'application/vnd.plotly.v1+json') !== undefined);
      for (const figure of figures) assert.match(dataOf(figure, 'image/svg+xml') ?? '', /^<svg[\s\S]*<\/svg>\s*$/);
      assert.ok(figures.length >= 2, `${figures.length} figures`);
      const tables = outputs
        .map((output) => dataOf(output, 'text/html') ?? '')
        .filter((text) => text.includes('<table'));
      assert.ok(tables.length >= 2, `${tables.length} tables`);
      const shown = outputs.flatMap((output) => dataOf(output, 'text/html') ?? []).join('\n');
      assert.ok(shown.includes(researchOnly));
      assert.ok(html.includes(researchOnly));
      // A page without JavaScript shows every figure.
      assert.ok((html.match(/<img[^>]+src="data:image\/svg\+xml;base64/g) ?? []).length >= figures.length);
    });
  }

  it('saves the widgets of the hyper-parameters', () => {
    const { widgets } = executedNotebook(out, 'conduit');
    for (const kind of ['IntSliderModel', 'DropdownModel', 'CheckboxModel']) assert.ok(widgets.includes(kind), kind);
    assert.ok(readFileSync(join(out, 'conduit.html'), 'utf8').includes('application/vnd.jupyter.widget-state+json'));
  });

  it('leaves the configuration as it was given where nobody moves a slider, and trains as train does', async () => {
    const stored: unknown = JSON.parse(readFileSync(join(out, 'experiment.json'), 'utf8'));
    assert.deepEqual(stored, JSON.parse(readFileSync(config, 'utf8')));
    const trained = join(root, 'trained');
    assert.equal((await cli(['train', '--config', config, '--out', trained], { env })).code, 0);
    assert.deepEqual(resultBytes(out), resultBytes(trained));
  });
});

describe('3ncore start, interrupted', () => {
  // Below runs/, where success would move `latest`.
  const interrupted = projectPath('runs', `interrupted-${process.pid}`);
  after(() => rmSync(interrupted, { recursive: true, force: true }));

  it('exits 130, records it, keeps the notebook as far as it came and leaves latest alone; --resume goes on', async () => {
    const before = latest();
    tinyConfig(config, { steps: 600, checkpoint_every: 100 });
    const run = await cli(['start', '--config', config, '--out', interrupted], {
      env,
      watch: (child) => {
        const watching = setInterval(() => {
          if (!existsSync(join(interrupted, 'checkpoints'))) return;
          clearInterval(watching);
          child.kill('SIGINT');
        }, 50);
        child.on('close', () => clearInterval(watching));
      },
    });
    assert.deepEqual([run.code, run.stdout], [130, ''], run.stderr);
    assert.match(run.stderr, /3ncore: interrupted in active\.ipynb; the run is in .*\n$/);
    assert.equal(runRecord(interrupted).status, 'interrupted');
    assert.deepEqual(unfinishedIn(interrupted), []);
    const { outputs } = executedNotebook(interrupted, 'active');
    assert.equal(outputs.filter(({ output_type }) => output_type === 'error').at(-1)?.ename, 'Interrupted');
    assert.ok(!existsSync(join(interrupted, 'active.report.json')));
    assert.equal(latest(), before);
    const conduit = readFileSync(join(interrupted, 'conduit.ipynb'));
    // Not below runs/ any more: success would move `latest`.
    const moved = join(root, 'moved');
    renameSync(interrupted, moved);
    const resumed = await cli(['start', '--out', moved, '--resume'], { env });
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(runRecord(moved).status, 'done');
    assert.match(readFileSync(join(moved, 'metrics.jsonl'), 'utf8'), /"model":"distilled","kind":"resumed"/);
    assert.deepEqual(readFileSync(join(moved, 'conduit.ipynb')), conduit);
    const again = await cli(['start', '--out', moved, '--resume'], { env });
    assert.deepEqual([again.code, again.stdout], [0, resumed.stdout]);
    assert.match(again.stderr, /is finished: there is nothing to go on with/);
  });
});
