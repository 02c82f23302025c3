import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blandAltman } from 'gemma-3ncore/analysis/bland_altman';
import { bootstrap, pairedBootstrap, quantile } from 'gemma-3ncore/analysis/bootstrap';
import { meanAbsoluteError } from 'gemma-3ncore/analysis/regression';
import { labels, others, patients, predicted } from './sample.js';

const settings = { B: 20000, seed: 3, level: 0.95 };

function maeOf(values: readonly number[], truth: readonly number[] = labels) {
  return (rows: readonly number[]) => ({
    MAE: meanAbsoluteError(
      rows.map((i) => truth[i]),
      rows.map((i) => values[i]),
    ),
  });
}

/** Both are Monte Carlo estimates: scipy's own ends differ by 0.02 (MAE) and 0.07 (limit) between three seeds. */
function assertNear(actual: number, expected: number, tolerance: number): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual}, expected ${expected} ± ${tolerance}`);
}

describe('analysis/bootstrap', () => {
  it('interpolates quantiles like numpy.quantile', () => {
    const ascending = [...labels].sort((a, b) => a - b);
    const found = [0.025, 0.3, 0.975].map((p) => quantile(ascending, p));
    [23.6975, 47.41, 70.165].forEach((expected, i) => assertNear(found[i], expected, 1e-12));
  });

  it('agrees with scipy.stats.bootstrap (percentile, 50,000 resamples)', () => {
    const { MAE } = bootstrap(patients, maeOf(predicted), settings);
    assertNear(MAE.value, 4.67, 1e-12);
    assertNear(MAE.low, 2.57, 0.08);
    assertNear(MAE.high, 7.13, 0.08);
  });

  it('pairs models on the same patients (scipy.stats.bootstrap, paired=True)', () => {
    const { MAE } = pairedBootstrap(patients, maeOf(predicted), maeOf(others), settings);
    assertNear(MAE.value, -1.6, 1e-12);
    assertNear(MAE.low, -4.21, 0.08);
    assertNear(MAE.high, 0.74, 0.08);
    const itself = pairedBootstrap(patients, maeOf(predicted), maeOf(predicted), settings);
    assert.deepEqual(itself, { MAE: { value: 0, low: 0, high: 0 } });
  });

  it('resamples patients, not rows: doubling every study of a patient changes nothing', () => {
    const twice = <T>(values: readonly T[]): T[] => [...values, ...values];
    const few = { ...settings, B: 500 };
    const once = bootstrap(patients, maeOf(predicted), few).MAE;
    const doubled = bootstrap(twice(patients), maeOf(twice(predicted), twice(labels)), few).MAE;
    assertNear(doubled.low, once.low, 1e-9);
    assertNear(doubled.high, once.high, 1e-9);
  });

  it('depends on the seed alone, not on the order of the rows', () => {
    const few = { ...settings, B: 500 };
    const reversed = bootstrap([...patients].reverse(), maeOf([...predicted].reverse(), [...labels].reverse()), few);
    const { MAE } = bootstrap(patients, maeOf(predicted), few);
    assertNear(reversed.MAE.low, MAE.low, 1e-9);
    assert.notEqual(bootstrap(patients, maeOf(predicted), { ...few, seed: 4 }).MAE.low, MAE.low);
  });

  it('gives no interval where a statistic is not defined', () => {
    const found = bootstrap(patients, () => ({ undefinedOne: NaN }), { ...settings, B: 10 });
    assert.deepEqual(found.undefinedOne, { value: NaN, low: NaN, high: NaN });
  });
});

describe('analysis/bland_altman', () => {
  it('equals NumPy: bias ± 1.96 SD (ddof 1), interval of the upper limit by scipy.stats.bootstrap', () => {
    const { n, bias, lower, upper } = blandAltman(labels, predicted, patients, settings);
    assert.equal(n, 10);
    assertNear(bias.value, 0.75, 1e-12);
    assertNear(lower.value, -11.422921001990328, 1e-9);
    assertNear(upper.value, 12.922921001990332, 1e-9);
    assertNear(upper.low, 4.36, 0.2);
    assertNear(upper.high, 19.15, 0.2);
    assert.ok(bias.low < 0.75 && bias.high > 0.75);
  });
});
