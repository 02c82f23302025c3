import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { execute, python, temporaryFolder, textOf, type Kernel, type Output } from './jupyter.js';

const folder = temporaryFolder();
const kernels: readonly Kernel[] = ['3ncore', 'plain-tslab'];

function outputsOf(execution: Awaited<ReturnType<typeof execute>>, cell: number): readonly Output[] {
  assert.ok(execution.notebook, `no notebook was written: ${execution.stderr}`);
  return execution.notebook.cells[cell].outputs;
}

/** The notebook a reader of this project could write: packages, displays, progress, curves, widgets. */
const sample = [
  `import { flattenSpec } from 'gemma-3ncore/tree/spec';
import { startProgress } from 'gemma-3ncore/host/progress';
import { showHtml } from 'gemma-3ncore/jupyter/display';
import { LivePlot } from 'gemma-3ncore/jupyter/live_plot';
import { showProgressInNotebook } from 'gemma-3ncore/jupyter/progress';
import { schemaForm } from 'gemma-3ncore/jupyter/widgets_form';
console.log(typeof flattenSpec, process.env.SAMPLE);`,
  `showHtml('<b>bold</b>', 'bold');`,
  `showProgressInNotebook();
const work = startProgress('steps', 3);
const plot = new LivePlot({ title: 'Loss', xLabel: 'step', yLabel: 'loss' });
for (let step = 0; step < 3; step++) {
  await new Promise((done) => setTimeout(done, 520));
  plot.add('train', step, 1 / (step + 1));
  work.advance();
}
work.end();
plot.end();`,
  `const values = { rank: 4 };
const rank = { type: 'integer', title: 'Rank', minimum: 1, maximum: 64 };
schemaForm({ properties: { rank, note: { type: 'string', default: 'a' } } }, values).display();
console.log(JSON.stringify(values));`,
];

for (const kernel of kernels) {
  test(`a notebook runs on ${kernel}: packages, displays, progress, curves, widgets`, async () => {
    const done = await execute(folder, sample, { kernel, arguments: ['--env', 'SAMPLE=from-outside'] });
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /\[sample 3\/4\] showProgressInNotebook/);
    assert.match(done.stderr, /steps \d\/3/);
    assert.equal(textOf(outputsOf(done, 0)[0]), 'function from-outside\n');
    assert.equal([outputsOf(done, 1)[0].data?.['text/html']].flat().join(''), '<b>bold</b>');
    const [first, second, ...more] = outputsOf(done, 2);
    const texts = [first, second].map((output) => String(output.data?.['text/plain'])).sort();
    assert.match(texts[0] ?? '', /^Loss: train 0\.3333$/);
    assert.match(texts[1] ?? '', /^steps 3\/3 \(100 %\), [\d.]+\/s$/);
    assert.equal(more.length, 0);
    assert.equal(textOf(outputsOf(done, 3).find(({ text }) => text !== undefined)), '{"rank":4,"note":"a"}\n');
    const models = done.notebook?.metadata.widgets?.['application/vnd.jupyter.widget-state+json']?.state ?? {};
    const slider = Object.values(models).find(({ model_name }) => model_name === 'IntSliderModel');
    assert.deepEqual([slider?.state['value'], slider?.state['max']], [4, 64]);
    assert.match(done.html ?? '', /application\/vnd\.jupyter\.widget-state\+json/);
    assert.match(done.html ?? '', /IntSliderModel/);
  });
}

test('a failing cell leaves name, message and trace in the notebook, one sentence and exit code 1', async () => {
  const done = await execute(folder, [
    'console.log("before")',
    'throw new RangeError("no <b>");',
    'console.log("after")',
  ]);
  assert.equal(done.code, 1);
  assert.equal(done.stderr.trimEnd().split('\n').at(-1), 'sample.ipynb, cell 2: RangeError: no <b>');
  const [error] = outputsOf(done, 1);
  assert.deepEqual([error.output_type, error.ename, error.evalue], ['error', 'RangeError', 'no <b>']);
  assert.match(error.traceback?.join('\n') ?? '', /RangeError: no <b>\n.*at cell/);
  assert.equal(outputsOf(done, 2).length, 0);
  assert.match(done.html ?? '', /RangeError: no &lt;b&gt;/);
});

test('a cell that does not compile is an error in the notebook', async () => {
  const done = await execute(folder, ['const text: string = null;']);
  assert.equal(done.code, 1);
  assert.equal(outputsOf(done, 0)[0].ename, 'TypeScriptError');
});

test("the library's BadInput gives exit code 2", async () => {
  const source = `import { BadInput } from 'gemma-3ncore/host/errors';
throw new BadInput({ where: 'FileList.csv, row 3, column EF', expected: 'a number', got: '"x"' });`;
  const done = await execute(folder, [source]);
  assert.equal(done.code, 2);
  assert.match(done.stderr, /cell 1: BadInput: FileList\.csv, row 3, column EF: expected a number, got "x"\.\n$/);
});

test('SIGINT interrupts the cell, the notebook is written as far as it came, and the exit code is 130', async () => {
  const source = `const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));
await sleep(100);
console.log("waiting");
await sleep(120_000);`;
  const done = await execute(folder, [source, 'console.log("never")'], { interruptAfter: 'waiting\n' });
  assert.equal(done.code, 130, done.stderr);
  assert.equal(outputsOf(done, 0).at(-1)?.ename, 'Interrupted');
  assert.equal(outputsOf(done, 1).length, 0);
});

test('what is not a notebook, a missing one, an unknown kernel or a bad variable: one sentence, exit code 2', () => {
  const text = join(folder, 'text.ipynb');
  writeFileSync(text, 'not JSON');
  const good = join(folder, 'sample.ipynb');
  const out = join(folder, 'none');
  const cases = [
    [text, '--out', out],
    [join(folder, 'missing.ipynb'), '--out', out],
    [good, '--out', out, '--kernel', 'no-such-kernel'],
    [good, '--out', out, '--env', 'NOVALUE'],
    [good, '--out', join(text, 'below-a-file')],
  ];
  for (const flags of cases) {
    const result = spawnSync(python, [projectPath('kernels', 'execute.py'), ...flags], { encoding: 'utf8' });
    assert.equal(result.status, 2, result.stderr);
    assert.equal(result.stderr.trimEnd().split('\n').length, 1, result.stderr);
  }
  assert.deepEqual(existsSync(out) ? readdirSync(out) : [], []);
});
