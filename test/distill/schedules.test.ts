import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { constantly, rateAt, stallsIn, validationsSinceBest, valueAt } from 'gemma-3ncore/distill/curriculum';
import { baselinePlan, plannedSettings, planOf, stageAt, totalSteps } from 'gemma-3ncore/distill/plan';
import { balancedAt, bandsOf, drawAt, groupAt } from 'gemma-3ncore/distill/sampler';
import { destandardise, standardisationOf, standardise } from 'gemma-3ncore/distill/targets';
import { preset } from 'gemma-3ncore/schema/presets';
import { rootKey } from 'gemma-3ncore/tree/random';
import { assertClose } from '../support/compare.js';

describe('distill/curriculum', () => {
  it('gives each kind’s value at the start, on the way and after the end', () => {
    const at = (kind: 'linear' | 'cosine' | 'step'): number[] =>
      [0, 2, 4, 8, 9].map((step) => valueAt({ kind, start: 3, end: 1 }, step, 8));
    assert.deepEqual(at('linear'), [3, 2.5, 2, 1, 1]);
    // 3 − 2·(1 − cos(π/4))/2 at a quarter of the way.
    assertClose(at('cosine'), [3, 2 + Math.SQRT1_2, 2, 1, 1], 1e-12);
    assert.deepEqual(at('step'), [3, 3, 1, 1, 1]);
    assert.equal(valueAt(constantly(2), 5, 8), 2);
  });

  it('follows the task ramp of the KD goldens', () => {
    const ramp = { kind: 'linear', start: 0.1, end: 1, steps: 6 } as const;
    assertClose(
      [0, 1, 5, 6, 9].map((step) => valueAt(ramp, step, 10)),
      [0.1, 0.25, 0.85, 1, 1],
      1e-12,
    );
  });

  it('goes on from a plateau whenever the validation loss stalls', () => {
    // 3 and 2 are no lower than 2, neither 1 and 5 than 1, nor 1.5 and 1.2.
    const losses = [4, 2, 3, 2, 1, 1, 5, 1.5, 1.2];
    assert.deepEqual(
      losses.map((_, i) => stallsIn(losses.slice(0, i + 1), 2)),
      [0, 0, 0, 1, 1, 1, 2, 2, 3],
    );
    const schedule = { kind: 'plateau', start: 3, end: 1, patience: 2, factor: 0.25 } as const;
    assert.equal(valueAt(schedule, 7, 8, []), 3);
    assert.equal(valueAt(schedule, 0, 8, losses.slice(0, 4)), 1.5);
    assert.equal(valueAt(schedule, 0, 8, losses), 1 + 2 / 64);
    // Without its own settings: three in a row, half the way.
    assert.equal(valueAt({ kind: 'plateau', start: 0, end: 1 }, 0, 8, [1, 1, 1, 1]), 0.5);
    assert.equal(rateAt({ peak: 1, final: 1, warmupSteps: 0, plateauPatience: 2 }, 0, 0, 8, losses), 1 / 8);
    assert.deepEqual([validationsSinceBest([]), validationsSinceBest([1]), validationsSinceBest(losses)], [0, 0, 4]);
  });

  it('warms the rate up at the start of a stage and lowers it along a cosine', () => {
    const rate = { peak: 1, final: 0.1, warmupSteps: 4 };
    assert.equal(rateAt(rate, 0, 0, 100), 0.25);
    assertClose([rateAt(rate, 50, 50, 100)], [0.55], 1e-12);
    assertClose([rateAt(rate, 50, 1, 100)], [0.275], 1e-12);
    assertClose([rateAt(rate, 100, 100, 100)], [0.1], 1e-12);
  });
});

describe('distill/plan', () => {
  it('matches features first, then learns the task with as many steps in all as asked for', () => {
    const experiment = preset('phantom');
    const { training } = experiment;
    const withTraining = (changes: Partial<typeof training>) =>
      planOf({ ...experiment, training: { ...training, ...changes } });
    const plan = planOf(experiment);
    assert.equal(totalSteps(plan), training.steps);
    assert.deepEqual([stageAt(plan, 99).stage.name, stageAt(plan, 100).stage.name], ['features', 'task']);
    assert.equal(stageAt(plan, 100).stageStep, 0);
    assert.equal(totalSteps(baselinePlan(plan)), training.steps);
    assert.deepEqual(
      withTraining({ feature_steps: 0, clip_norm: 0 }).stages.map(({ name }) => name),
      ['task'],
    );
    assert.equal(withTraining({ clip_norm: 0 }).max_grad_norm, null);
    const decays = [plan, planOf({ ...experiment, adapter: null }), withTraining({ decay_vectors: false })];
    assert.deepEqual(
      decays.map(({ optimizer }) => optimizer.decay_vectors),
      [true, false, false],
    );
    const planned = plannedSettings(plan);
    assert.equal(planned.length, 300);
    assert.deepEqual(planned[99], { step: 99, featureWeight: 3, taskWeight: 0, rate: planned[99]!.rate });
    assert.deepEqual([planned[200]!.featureWeight, planned[200]!.taskWeight], [2, 1]);
  });
});

describe('distill/sampler', () => {
  const pool = [10, 11, 12, 13, 14, 15, 16];

  it('draws every study once an epoch, in another order each', () => {
    const epoch = (n: number): number[] => [0, 1, 2].flatMap((i) => drawAt(pool, 3, 3 * n + i, rootKey(1)));
    assert.deepEqual(epoch(0).sort(), pool);
    assert.deepEqual(epoch(1).sort(), pool);
    assert.notDeepEqual(epoch(0), epoch(1));
    assert.equal(drawAt(pool, 3, 2, rootKey(1)).length, 1);
  });

  it('shares a group between labelled and unlabelled studies, or gives it to those there are', () => {
    const pools = { labelled: [0, 1, 2, 3], unlabelled: [4, 5, 6, 7] };
    const labelled = (group: number[]): number => group.filter((i) => i < 4).length;
    assert.equal(labelled(groupAt(pools, 4, 0.5, 0, rootKey(1))), 2);
    assert.equal(labelled(groupAt(pools, 4, 1, 0, rootKey(1))), 4);
    assert.equal(labelled(groupAt(pools, 8, undefined, 0, rootKey(1))), 4);
    assert.equal(labelled(groupAt({ ...pools, unlabelled: [] }, 4, 0.5, 0, rootKey(1))), 4);
  });

  it('draws the classes of EF alike and every study of a class once in its epoch', () => {
    const EF = [60, 62, 58, 70, 55, 65, 45, 48, 30, 40.9];
    const bands = bandsOf([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], (i) => EF[i]!);
    assert.deepEqual(bands, [
      [8, 9],
      [6, 7],
      [0, 1, 2, 3, 4, 5],
    ]);
    assert.deepEqual(
      bandsOf([0, 8], (i) => EF[i]!),
      [[8], [0]],
    );
    // Nine steps of four: 36 draws, twelve of each class.
    const drawn = Array.from({ length: 9 }, (_, step) => balancedAt(bands, 4, step, rootKey(1))).flat();
    for (const band of bands) {
      const ofBand = drawn.filter((i) => band.includes(i));
      assert.equal(ofBand.length, 12);
      for (let at = 0; at < 12; at += band.length) {
        assert.deepEqual(ofBand.slice(at, at + band.length).sort(), band);
      }
    }
    const pools = { labelled: [0, 1, 2, 3, 6, 8], unlabelled: [20, 21, 22, 23], bands };
    const group = groupAt(pools, 6, 0.5, 0, rootKey(1));
    assert.deepEqual([group.length, group.filter((i) => i >= 20).length], [6, 3]);
    assert.deepEqual(
      bands.map((band) => group.filter((i) => band.includes(i)).length),
      [1, 1, 1],
    );
    assert.equal(groupAt({ ...pools, unlabelled: [] }, 6, 0.5, 0, rootKey(1)).length, 6);
  });
});

describe('distill/targets', () => {
  it('standardises to mean 0 and deviation 1 over TRAIN and back', () => {
    const train = [
      [100, 40, 60],
      [140, 80, 42],
    ] as const;
    const standardisation = standardisationOf(train);
    assert.deepEqual(standardisation, { mean: [120, 60, 51], std: [20, 20, 9] });
    assert.deepEqual(standardise(train[0], standardisation), [-1, -1, 1]);
    assert.deepEqual(destandardise([-1, -1, 1], standardisation), train[0]);
    assert.equal(standardisationOf([train[0], [100, 50, 60]]).std[0], 1);
    assert.throws(() => standardisationOf([train[0]]), /split TRAIN: expected at least 2 studies/);
  });
});
