import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { tableFrame, toDataFrame } from 'gemma-3ncore/report/data_frame';
import { formatInterval, formatNumber, formatSignificant } from 'gemma-3ncore/report/numbers';
import { comparisonsTable, differencesTable, errorsTable, metricsTable } from 'gemma-3ncore/report/result_tables';
import { settingsTable } from 'gemma-3ncore/report/settings_table';
import { htmlTable, table } from 'gemma-3ncore/report/table';
import { preset } from 'gemma-3ncore/schema/presets';
import { assessment, hostile } from './examples.js';

describe('report/table', () => {
  it('escapes text and formats numbers', () => {
    const rows = [{ study: hostile, EF: 55.123, n: 12345, ok: true, nothing: null }];
    const columns = [
      { name: 'study', title: '<b>' },
      { name: 'EF', title: 'EF', unit: '%', digits: 1 },
      ...['n', 'ok', 'nothing'].map((name) => ({ name, title: name })),
    ];
    const html = htmlTable(table('t', hostile, rows, columns));
    assert.doesNotMatch(html, /<script|<b>/);
    assert.match(html, /&lt;script&gt;alert\(&#34;1&#34;\)/);
    assert.match(html, /EF \(%\).*>55\.1<.*>12,345<.*>yes<.*>–</s);
  });

  it('shows the first rows and says how many more there are', () => {
    const rows = Array.from({ length: 7 }, (_, n) => ({ n }));
    const html = htmlTable(table('t', 't', rows), 5);
    assert.equal(html.match(/<tr>/g)!.length, 6);
    assert.match(html, /2 more rows/);
  });

  it('writes numbers that are not defined as null', () => {
    assert.deepEqual(table('t', 't', [{ a: NaN }, { b: 1 }]).rows, [
      { a: null, b: null },
      { a: null, b: 1 },
    ]);
  });

  it('lays out metrics and comparisons one a row', () => {
    assert.equal(metricsTable(assessment.metrics).rows.length, 3 * 3 * 6);
    assert.equal(comparisonsTable(assessment.comparisons).rows.length, 3 * 3 * 3);
  });

  it('gives an overview: errors a line a model, differences a line a pair with the one each favours', () => {
    const errors = errorsTable(assessment.metrics);
    assert.deepEqual(
      errors.rows.map(({ model }) => model),
      ['distilled student', 'student without distillation', 'mean of the training labels'],
    );
    const EF = assessment.metrics.find(({ target, metric }) => target === 'EF' && metric === 'MAE')!;
    assert.equal(errors.rows[0]!['EF_MAE'], formatInterval(EF, 1));
    const differences = differencesTable(assessment.comparisons);
    assert.equal(differences.rows.length, 3);
    const row = assessment.comparisons.find(({ target, metric }) => target === 'EF' && metric === 'MAE')!;
    const verdict = row.favours === 'neither' ? 'cannot tell' : `${row.favours} better`;
    assert.equal(differences.rows[0]!['EF'], `${formatInterval(row)}, ${verdict}`);
  });

  it('lists every setting and what the preset has where it differs', () => {
    const experiment = preset('tiny');
    const usual = settingsTable(experiment).rows;
    assert.ok(usual.every((row) => row['preset'] === null));
    assert.deepEqual(usual.find(({ setting }) => setting === 'adapter.r')?.['value'], '8');
    const changed = settingsTable({ ...experiment, adapter: null }).rows;
    assert.deepEqual(changed.find(({ setting }) => setting === 'adapter')?.['value'], 'null');
    const seed = settingsTable({ ...experiment, seed: 9 }).rows.find(({ setting }) => setting === 'seed');
    assert.deepEqual(seed, { setting: 'seed', value: '9', preset: '0' });
  });
});

describe('report/numbers', () => {
  it('writes numbers for people', () => {
    assert.equal(formatNumber(-1234.567, 1), '−1,234.6');
    assert.equal(formatNumber(-0.001, 2), '0.00');
    assert.deepEqual([formatNumber(NaN), formatNumber(null)], ['–', '–']);
    assert.deepEqual([0.012345, 12.345, 12345, 0].map(formatSignificant), ['0.0123', '12.3', '12,300', '0']);
    assert.equal(formatInterval({ value: 1, low: -2, high: null }), '1.00 [−2.00, –]');
  });
});

describe('report/data_frame', () => {
  it('makes DataFrames of rows, of a table and of no rows', () => {
    const frame = toDataFrame([{ a: 1, b: 'x' }, { a: 2 }]);
    assert.deepEqual(
      [frame.shape, frame.columns],
      [
        [2, 2],
        ['a', 'b'],
      ],
    );
    assert.deepEqual(frame.values, [
      [1, 'x'],
      [2, null],
    ]);
    assert.deepEqual(frame.head(1).shape, [1, 2]);
    assert.deepEqual(toDataFrame([], ['a', 'b']).shape, [0, 2]);
    assert.deepEqual(tableFrame(metricsTable(assessment.metrics)).shape, [54, 10]);
  });

  it('is shown as a table by the kernel, what query and describe give too, and text is escaped', () => {
    const frame = toDataFrame([
      { study: hostile, EF: 30 },
      { study: 'b', EF: 60 },
    ]) as unknown as Record<symbol, unknown>;
    const shown = (value: object): Record<string, string> =>
      (value as Record<symbol, () => Record<string, string>>)[Symbol.for('Jupyter.display')]!();
    assert.match(shown(frame)['text/html']!, /2 rows, 2 columns.*&lt;script&gt;.*>30</s);
    assert.match(shown(frame)['text/plain']!, /study.*EF/);
    const numbers = toDataFrame([{ EF: 30 }, { EF: 60 }]);
    assert.match(shown(numbers.query(numbers.column('EF').gt(40)))['text/html']!, /1 rows, 1 columns.*>60</s);
    assert.match(shown(numbers.describe())['text/html']!, />mean<.*>45</s);
  });

  it('shares the one tfjs of the process and prints none of its warnings', () => {
    const program = `
      const { toDataFrame } = require('gemma-3ncore/report/data_frame');
      const { openEngine } = require('gemma-3ncore/engine/open');
      const tf = require('@tensorflow/tfjs');
      openEngine().then(() => {
        const frame = toDataFrame([{ EF: 30 }, { EF: 60 }]);
        const low = frame.query(frame.column('EF').lt(40));
        const cores = Object.keys(require.cache).filter((file) => file.endsWith('tf-core.node.js'));
        const sum = tf.tidy(() => tf.sum(tf.tensor1d([1, 2])).dataSync()[0]);
        console.log(JSON.stringify([low.shape, cores.length, sum, tf.getBackend()]));
      });`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { cwd: projectPath(), encoding: 'utf8' });
    assert.deepEqual(JSON.parse(stdout), [[1, 1], 1, 3, 'tensorflow']);
    assert.doesNotMatch(stderr, /already registered|speed things up|tfjs/);
  });
});
