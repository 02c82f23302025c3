import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProgress } from 'gemma-3ncore/host/progress';
import { LiveOutput, showHtml, showMarkdown } from 'gemma-3ncore/jupyter/display';
import { portKey } from 'gemma-3ncore/jupyter/kernel';
import { LivePlot } from 'gemma-3ncore/jupyter/live_plot';
import { showProgressInNotebook } from 'gemma-3ncore/jupyter/progress';
import { useFakeKernel } from './fake_kernel.js';

const host = useFakeKernel();
const axes = { title: 'Loss', xLabel: 'step', yLabel: 'loss' };

test('HTML and Markdown go out with a plain text beside them', () => {
  showHtml('<b>x</b>', 'x');
  showMarkdown('**x**');
  assert.deepEqual(
    host.kernel.sent.map(({ type, content }) => [type, content.data]),
    [
      ['display_data', { 'text/html': '<b>x</b>', 'text/plain': 'x' }],
      ['display_data', { 'text/markdown': '**x**', 'text/plain': '**x**' }],
    ],
  );
});

test('a live output is displayed once and then updated under the same id', () => {
  const output = new LiveOutput();
  for (const text of ['1', '2', '3']) output.set({ 'text/plain': text });
  const types = host.kernel.sent.map(({ type }) => type);
  assert.deepEqual(types, ['display_data', 'update_display_data', 'update_display_data']);
  assert.equal(new Set(host.kernel.sent.map(({ content }) => content.transient?.['display_id'])).size, 1);
});

test('outside a kernel nothing is sent and nothing fails', () => {
  const { kernel } = host;
  delete (globalThis as { [portKey]?: unknown })[portKey];
  showHtml('x');
  new LiveOutput().set({ 'text/plain': 'x' });
  const plot = new LivePlot(axes);
  plot.add('train', 0, 1);
  plot.end();
  showProgressInNotebook()();
  assert.equal(kernel.sent.length, 0);
});

test('the work of a cell is one output with an escaped row for each piece; the next cell gets its own', () => {
  const restore = showProgressInNotebook();
  try {
    const run = startProgress('run <1>', 4);
    const epoch = startProgress('epoch', 2);
    epoch.advance(2);
    epoch.end();
    run.advance(4);
    run.end();
    host.kernel.cell = 2;
    const next = startProgress('verify', 1);
    next.end();
  } finally {
    restore();
  }
  const { sent } = host.kernel;
  const last = sent.at(-2)?.content.data as Record<string, string>;
  assert.match(last['text/html'] ?? '', /run &lt;1&gt; 4\/4 \(100 %\)/);
  assert.match(last['text/plain'] ?? '', /epoch 2\/2 [^]*run <1> 4\/4/);
  const ids = new Set(sent.map(({ content }) => content.transient?.['display_id']));
  assert.equal(ids.size, 2);
  assert.equal(sent.at(-1)?.type, 'display_data');
});

test('progress updates are limited to two a second', async () => {
  const restore = showProgressInNotebook();
  try {
    const work = startProgress('steps', 1000);
    for (let i = 0; i < 100; i++) work.advance();
    assert.equal(host.kernel.sent.length, 0);
    await sleep(520);
    for (let i = 0; i < 100; i++) work.advance();
    assert.equal(host.kernel.sent.length, 1);
    work.end();
  } finally {
    restore();
  }
});

test('a live plot draws the first point and the last state', () => {
  const plot = new LivePlot(axes);
  for (let step = 0; step < 1000; step++) plot.add('train', step, 1 / (step + 1));
  plot.end();
  const [first, last] = [host.kernel.sent.at(0), host.kernel.sent.at(-1)];
  assert.equal(first?.type, 'display_data');
  assert.equal(last?.type, 'update_display_data');
  assert.equal(last?.content.data['text/plain'], 'Loss: train 0.001000');
  assert.ok(host.kernel.sent.length < 10);
});
