import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pearson, ranks, regressionMetrics, rSquared } from 'gemma-3ncore/analysis/regression';
import { labels, predicted } from './sample.js';

describe('analysis/regression', () => {
  it('equals SciPy 1.17.1, NumPy 2.4.6 and scikit-learn', () => {
    // np.abs(d).mean(), np.sqrt((d**2).mean()), r2_score, pearsonr, spearmanr, d.mean() with d = predicted − labels
    const expected = {
      MAE: 4.67,
      RMSE: 5.939612781991768,
      R2: 0.8318401253798957,
      pearson: 0.9786540110412525,
      spearman: 0.9726488698881034,
      bias: 0.75,
    };
    for (const [name, value] of Object.entries(regressionMetrics(labels, predicted))) {
      assert.ok(Math.abs(value - expected[name as keyof typeof expected]) < 1e-12, `${name} ${value}`);
    }
  });

  it('ranks equal values alike (scipy.stats.rankdata)', () => {
    assert.deepEqual(ranks(labels), [8, 2, 5.5, 4, 10, 5.5, 1, 9, 7, 3]);
  });

  it('does not define a correlation with a constant, nor R² of constant labels', () => {
    const constant = labels.map(() => 55.7);
    assert.equal(pearson(labels, constant), NaN);
    assert.equal(rSquared(constant, labels), NaN);
    assert.ok(rSquared(labels, constant) <= 0);
  });

  it('gives nothing for no studies and refuses sides of different length', () => {
    assert.deepEqual(Object.values(regressionMetrics([], [])), [NaN, NaN, NaN, NaN, NaN, NaN]);
    assert.throws(() => regressionMetrics([1, 2], [1]), /2 labels, 1 predictions/);
  });
});
