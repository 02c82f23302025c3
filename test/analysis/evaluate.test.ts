import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { consistency, ejectionFractionOfVolumes } from 'gemma-3ncore/analysis/consistency';
import { compare, summarise } from 'gemma-3ncore/analysis/evaluate';
import { labels, others, predicted, rowsOf } from './sample.js';

const settings = { B: 2000, seed: 0, level: 0.95 };
const mean = labels.map(() => 51.8);
const all = [...rowsOf('distilled', predicted), ...rowsOf('baseline', others), ...rowsOf('mean', mean)];

describe('analysis/evaluate', () => {
  it('gives each metric of each model and target once', () => {
    const rows = summarise(all, settings);
    assert.equal(rows.length, 3 * 3 * 6);
    const found = rows.find((row) => row.model === 'distilled' && row.target === 'EF' && row.metric === 'MAE')!;
    assert.ok(Math.abs(found.value - 4.67) < 1e-9);
    assert.ok(found.low < 4.67 && found.high > 4.67);
    assert.deepEqual([found.unit, found.studies, found.patients, found.seeds], ['%', 10, 10, 1]);
  });

  it('averages over training seeds', () => {
    const rows = summarise([...rowsOf('distilled', predicted, 0), ...rowsOf('distilled', others, 1)], settings);
    const found = rows.find((row) => row.target === 'EF' && row.metric === 'MAE')!;
    assert.ok(Math.abs(found.value - (4.67 + 6.27) / 2) < 1e-9);
    assert.deepEqual([found.studies, found.seeds], [10, 2]);
  });

  it('compares on the same studies and says whom the interval favours', () => {
    const efMae = (reference: 'baseline' | 'mean') =>
      compare(all, 'distilled', reference, settings).find((row) => row.target === 'EF' && row.metric === 'MAE')!;
    // scipy.stats.bootstrap (paired, percentile, 50,000 resamples): −1.6 [−4.21, 0.74]
    const { value, low, high, favours } = efMae('baseline');
    assert.ok(Math.abs(value + 1.6) < 1e-9 && Math.abs(low + 4.21) < 0.2 && Math.abs(high - 0.74) < 0.2);
    assert.equal(favours, 'neither');
    assert.equal(efMae('mean').favours, 'distilled');
    const r2 = compare(all, 'distilled', 'mean', settings).find((row) => row.target === 'EF' && row.metric === 'R2')!;
    assert.equal(r2.favours, 'distilled');
  });

  it('compares several seeds with a reference of one', () => {
    const rows = [...rowsOf('distilled', predicted, 4), ...rowsOf('distilled', others, 5), ...rowsOf('mean', mean, 0)];
    const found = compare(rows, 'distilled', 'mean', settings).find((r) => r.target === 'EF' && r.metric === 'MAE')!;
    const meanError = labels.reduce((sum, label) => sum + Math.abs(label - 51.8), 0) / labels.length;
    assert.ok(Math.abs(found.value - ((4.67 + 6.27) / 2 - meanError)) < 1e-9);
    assert.equal(found.seeds, 2);
  });

  it('refuses mixed splits and different studies', () => {
    const train = rowsOf('distilled', predicted).map((row) => ({ ...row, split: 'TRAIN' }));
    assert.throws(() => summarise([...all, ...train], settings), /several splits: TEST, TRAIN/);
    assert.throws(() => compare(all.slice(1), 'distilled', 'mean', settings), /different studies/);
    assert.throws(() => compare(all, 'teacher_probe', 'mean', settings), /no predictions of teacher_probe/);
  });
});

describe('analysis/consistency', () => {
  it('compares the EF head with the EF of the volumes', () => {
    const rows = rowsOf('distilled', predicted);
    assert.ok(Math.abs(ejectionFractionOfVolumes(rows[0]) - 58.3) < 1e-9);
    const shifted = rows.map((row) => ({ ...row, EF_pred: row.EF_pred + 2 }));
    const found = consistency(shifted, settings);
    assert.ok(Math.abs(found.difference.value - 2) < 1e-9 && Math.abs(found.bias.value - 2) < 1e-9);
    assert.ok(Math.abs(found.volumes_MAE.value - 4.67) < 1e-9);
    assert.equal(found.n, 10);
  });

  it('counts impossible volumes and leaves out those that give no EF', () => {
    const [first, second, ...rest] = rowsOf('distilled', predicted);
    const found = consistency([{ ...first, EDV_pred: 0 }, { ...second, ESV_pred: 120 }, ...rest], settings);
    assert.deepEqual([found.n, found.implausible], [9, 2]);
  });
});
