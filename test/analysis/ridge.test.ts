import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fitRidge, type RidgeData } from 'gemma-3ncore/analysis/ridge';
import { assertClose } from '../support/compare.js';

const value = (i: number, j: number): number =>
  Math.sin(1.3 * i + 0.7 * j * j + 0.3 * i * j) * (1 + (j % 3)) + (j === 1 ? 5 : 0);

/** Rows `from` … `to` − 1 of `width` features with two targets that are partly linear in them. */
function rows(from: number, to: number, width: number): RidgeData {
  const indices = Array.from({ length: to - from }, (_, k) => from + k);
  return {
    features: indices.map((i) => Array.from({ length: width }, (_, j) => value(i, j))),
    targets: indices.map((i) => [
      100 + 10 * value(i, 0) - 7 * value(i, 2) + 25 * Math.cos(5 * i),
      50 - 4 * value(i, 1) + 40 * Math.cos(3 * i),
    ]),
  };
}

const penalties = [0.1, 1, 5, 20, 100];
const validation = (width: number): RidgeData => rows(100, 106, width);

/** scikit-learn 1.9.1: StandardScaler, then Ridge(solver='cholesky') or RidgeCV(alpha_per_target=True); first three rows. */
const cases = [
  {
    name: 'more studies than features',
    train: rows(0, 30, 4),
    byValidation: {
      penalties: [0.1, 0.1],
      predicted: [
        [100.9721688596735, 87.99165730751392, 92.50447811771677],
        [32.65090632761619, 37.397361445027656, 30.716212622079052],
      ],
    },
    leaveOneOut: {
      penalties: [5, 100],
      predicted: [
        [100.81556903669379, 89.4644820471266, 93.7140027154539],
        [30.82266050227807, 32.25064811371813, 30.957359828274686],
      ],
    },
  },
  {
    name: 'more features than studies',
    train: rows(0, 8, 12),
    byValidation: {
      penalties: [1, 100],
      predicted: [
        [71.48974189657785, 87.13335106283839, 121.95871660945795],
        [21.343028076243534, 41.275016123442, 23.126934941831117],
      ],
    },
    leaveOneOut: {
      penalties: [5, 0.1],
      predicted: [
        [81.82347570904531, 94.58558445514575, 112.8563893337242],
        [-60.700580452225495, 120.94938177038928, -54.50988919098059],
      ],
    },
  },
];

describe('analysis/ridge', () => {
  for (const { name, train, byValidation, leaveOneOut } of cases) {
    const width = train.features[0]!.length;
    const held = validation(width);
    const fits = [
      ['the validation set', fitRidge(train, penalties, { by: 'validation', data: held }), byValidation],
      ['leave-one-out', fitRidge(train, penalties, { by: 'leave-one-out' }), leaveOneOut],
    ] as const;
    for (const [chooser, fit, expected] of fits) {
      it(`agrees with scikit-learn, ${name}, penalties chosen by ${chooser}`, () => {
        assert.deepEqual(fit.penalties, expected.penalties);
        const predicted = fit.predict(held.features.slice(0, 3));
        for (const [t, target] of expected.predicted.entries()) {
          // Double precision; the two solve through different Gram matrices.
          const ofTarget = predicted.map((row) => row[t]!);
          assertClose(ofTarget, target, 1e-10, `target ${t}`);
        }
      });
    }
  }

  it('gives features that never vary no weight', () => {
    const { features, targets } = rows(0, 30, 4);
    const widened = (given: typeof features) => given.map((row) => [...Array.from(row), 3.7]);
    const choice = { by: 'leave-one-out' } as const;
    const [plain, wide] = [features, widened(features)].map((x) => fitRidge({ features: x, targets }, [1], choice));
    const held = validation(4).features;
    assertClose(wide!.predict(widened(held)).flat(), plain!.predict(held).flat(), 1e-12);
  });

  it('predicts the mean of the targets under an immense penalty', () => {
    const train = rows(0, 30, 4);
    const mean = [0, 1].map((t) => train.targets.reduce((sum, row) => sum + row[t]!, 0) / 30);
    const predicted = fitRidge(train, [1e12], { by: 'leave-one-out' }).predict(validation(4).features.slice(0, 1));
    assertClose(predicted[0]!, mean, 1e-8);
  });
});
