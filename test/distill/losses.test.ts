import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { consistencyLoss } from 'gemma-3ncore/distill/consistency';
import { featureLoss, meanSquaredError, taskLoss, weightedSum, type TaskLoss } from 'gemma-3ncore/distill/losses';
import { squaredErrors, type Objective } from 'gemma-3ncore/distill/objective';
import { microBatchGradient } from 'gemma-3ncore/distill/train_step';
import { chunksOf, microBatch } from 'gemma-3ncore/distill/batches';
import { standardisationOf } from 'gemma-3ncore/distill/targets';
import { trainedVariables } from 'gemma-3ncore/distill/variables';
import { compile } from 'gemma-3ncore/engine/compile';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { tiny, tinyData } from '../support/tiny_student.js';

describe('distill/losses', () => {
  useEngine();

  it('is the mean of squares of each row, with torch’s gradient', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
      const y = tf.tensor2d([0, 2, 5, 4, 4, 2], [2, 3]);
      // (1 + 0 + 4)/3, (0 + 1 + 16)/3.
      assertClose(meanSquaredError(x, y).dataSync(), [5 / 3, 17 / 3], 1e-7);
      const weights = tf.tensor1d([1, 0.5]);
      const gradient = tf.grad((input) => weightedSum(meanSquaredError(input, y), weights))(x);
      assertClose(gradient.dataSync(), [2 / 3, 0, -4 / 3, 0, 1 / 3, 4 / 3], 1e-6);
    });
  });

  it('averages the ED and the ES frame of each study', () => {
    tf.tidy(() => {
      const perFrame = [1, 2, 3, 5];
      const student = tf.tile(tf.reshape(tf.tensor1d(perFrame), [4, 1, 1, 1]), [1, 2, 2, 3]) as tf.Tensor4D;
      const losses = featureLoss(student, tf.zerosLike(student));
      assert.deepEqual([...losses.dataSync()], [(1 + 9) / 2, (4 + 25) / 2]);
    });
  });

  /** A loss of each row and the gradient of rows weighted 1 and ½, as one graph function and under no tape of its own. */
  function lossAndGradient<R extends tf.Rank>(loss: (x: tf.Tensor<R>) => tf.Tensor1D, at: tf.Tensor<R>) {
    const weighted = (x: tf.Tensor): tf.Tensor => weightedSum(loss(x as tf.Tensor<R>), tf.tensor1d([1, 0.5]));
    const both = compile((x: tf.Tensor): tf.Tensor[] => [loss(x as tf.Tensor<R>), tf.grad(weighted)(x)]);
    const [values, gradient] = both(at) as [tf.Tensor, tf.Tensor];
    const numbers = [values.dataSync(), gradient.dataSync()] as const;
    both.dispose();
    tf.dispose([values, gradient]);
    return { losses: numbers[0], gradient: numbers[1] };
  }

  // PyTorch 2.13, float32: F.mse_loss, l1_loss, huber_loss with reduction 'none', then the mean or Σ w·ℓ / Σ w.
  const task: Record<TaskLoss, { alike: [number[], number[]]; weighted: [number[], number[]] }> = {
    mse: {
      alike: [
        [1.6666666, 5.7199998],
        [0.66666669, 0, -1.3333334, -0.13333337, 0.33333334, 1.3333334],
      ],
      weighted: [
        [1.1428572, 2.6628573],
        [1.1428572, 0, -0.5714286, -0.22857149, 0.2857143, 0.5714286],
      ],
    },
    l1: {
      alike: [
        [1, 1.8000001],
        [0.33333334, 0, -0.33333334, -0.16666667, 0.16666667, 0.16666667],
      ],
      weighted: [
        [0.85714293, 1.0857143],
        [0.5714286, 0, -0.14285715, -0.2857143, 0.14285715, 0.071428575],
      ],
    },
    huber: {
      alike: [
        [0.66666669, 1.36],
        [0.33333334, 0, -0.33333334, -0.066666685, 0.16666667, 0.16666667],
      ],
      weighted: [
        [0.5, 0.68857145],
        [0.5714286, 0, -0.14285715, -0.11428574, 0.14285715, 0.071428575],
      ],
    },
  };

  for (const kind of ['mse', 'l1', 'huber'] as const) {
    it(`task loss ${kind}: PyTorch’s values and gradients, targets alike and weighted 2 : 1 : ½`, () => {
      const x = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
      const y = tf.tensor2d([0, 2, 5, 4.4, 4, 2], [2, 3]);
      for (const [weights, [losses, gradient]] of [
        [[1, 1, 1], task[kind].alike],
        [[2, 1, 0.5], task[kind].weighted],
      ] as const) {
        const found = lossAndGradient((input) => taskLoss(input, y, kind, weights), x);
        assertClose(found.losses, losses, 1e-6, `${kind} of weights ${weights.join()}`);
        assertClose(found.gradient, gradient, 1e-6, `gradient of ${kind} of weights ${weights.join()}`);
      }
      tf.dispose([x, y]);
    });
  }

  // F.smooth_l1_loss with its beta of 1 is F.huber_loss with its delta of 1; one study: ED is the first row, ES the second.
  for (const [kind, { alike }] of [
    ['mse', task.mse],
    ['smooth_l1', task.huber],
  ] as const) {
    it(`feature loss ${kind}: PyTorch’s values and gradients`, () => {
      const [[ED, ES], stored] = alike as [[number, number], number[]];
      const x = tf.tensor4d([1, 2, 3, 4, 5, 6], [2, 1, 1, 3]);
      const y = tf.tensor4d([0, 2, 5, 4.4, 4, 2], [2, 1, 1, 3]);
      const both = compile((input: tf.Tensor4D): tf.Tensor[] => {
        const loss = (at: tf.Tensor): tf.Tensor => tf.sum(featureLoss(at as tf.Tensor4D, y, kind));
        return [loss(input), tf.grad(loss)(input)];
      });
      const [loss, gradient] = both(x) as [tf.Tensor, tf.Tensor];
      assertClose(loss.dataSync(), [(ED + ES) / 2], 1e-6);
      // Half of PyTorch's for ED (weight 1), all of it for ES (weight ½).
      const wanted = stored.map((g, i) => (i < 3 ? g / 2 : g));
      assertClose(gradient.dataSync(), wanted, 1e-6);
      both.dispose();
      tf.dispose([x, y, loss, gradient]);
    });
  }

  it('feature loss cosine: PyTorch’s values and gradients, and no NaN at zero', () => {
    // F.cosine_similarity over the channels of two cells, 1 − mean: 0.25466165 (ED) and 0.88214886 (ES); row weights 1, ½.
    const x = tf.tensor4d([1, 2, 3, -1, 0, 2, 0.5, -0.5, 1, 2, 2, 1], [2, 1, 2, 3]);
    const y = tf.tensor4d([0, 2, 5, 1, 1, 2, 1, 1, 1, -1, 0, 1], [2, 1, 2, 3]);
    const both = compile((input: tf.Tensor4D): tf.Tensor[] => {
      const loss = (at: tf.Tensor): tf.Tensor => tf.sum(featureLoss(at as tf.Tensor4D, y, 'cosine'));
      return [loss(input), tf.grad(loss)(input)];
    });
    const [loss, gradient] = both(x) as [tf.Tensor, tf.Tensor];
    assertClose(loss.dataSync(), [(0.25466165 + 0.88214886) / 2], 1e-6);
    // Half of PyTorch's for ED (weight 1), all of it for ES (weight ½).
    const ED = [0.03367693, 0.017724697, -0.023042127, -0.14605933, -0.091287091, -0.073029682].map((g) => g / 2);
    const ES = [-0.078567415, -0.15713483, -0.039283708, 0.045830995, -0.01309457, -0.065472849];
    assertClose(gradient.dataSync(), [...ED, ...ES], 1e-6);
    const zeros = tf.zerosLike(x);
    const [, atZero] = both(zeros) as [tf.Tensor, tf.Tensor];
    assert.ok(atZero.dataSync().every(Number.isFinite));
    both.dispose();
    tf.dispose([x, y, zeros]);
  });

  it('consistency: PyTorch’s values and gradients, nothing for predictions that agree', () => {
    const standardisation = { mean: [120, 60, 51], std: [30, 20, 9] } as const;
    const z = tf.tensor2d([0.5, -0.2, 0.3, -1, 0.4, -0.6], [2, 3]);
    const found = lossAndGradient((x: tf.Tensor2D) => consistencyLoss(x, standardisation), z);
    assertClose(found.losses, [0.28664362, 5.5254011], 1e-6);
    assertClose(found.gradient, [1.0967317, -1.7626045, -1.0707822, -6.5778584, 5.8039927, 2.3506172], 1e-6);
    // EDV 150, ESV 60, EF 60 %.
    const agreeing = tf.tensor2d([1, 0, 1], [1, 3]);
    assertClose(
      tf.tidy(() => consistencyLoss(agreeing, standardisation).dataSync()),
      [0],
      1e-9,
    );
    // An EDV of 0 is no division by zero.
    const none = tf.tensor2d([-4, 0, 0], [1, 3]);
    assert.ok(tf.tidy(() => consistencyLoss(none, standardisation).dataSync()).every(Number.isFinite));
    tf.dispose([z, agreeing, none]);
  });

  it('goes into the gradient of a micro-batch as the objective says', async () => {
    const data = tinyData(4, 4);
    const standardisation = standardisationOf(data.studies.map(({ targets }) => targets!));
    const model = tiny(1);
    const variables = [...trainedVariables(model.student, model.bridges).values()];
    const shares = { task: 0.5, feature: 0.5 };
    const batch = await microBatch(data, standardisation, chunksOf([0, 1], 2)[0]!, shares, [0, 0], true);
    const of = (objective?: Partial<Objective>) => {
      const found = microBatchGradient(model.student, model.bridges, variables, batch, {
        ...squaredErrors,
        ...objective,
      });
      const numbers = [found.task, found.feature!, found.gradient].map((x) => [...x.dataSync()]);
      tf.dispose([found.task, found.feature!, found.gradient]);
      return { task: numbers[0]!, feature: numbers[1]!, gradient: numbers[2]! };
    };
    const plain = of();
    const changes: [Partial<Objective>, 'task' | 'feature'][] = [
      [{ feature: 'cosine' }, 'feature'],
      [{ feature: 'smooth_l1' }, 'feature'],
      [{ task: 'l1' }, 'task'],
      [{ task: 'huber' }, 'task'],
      [{ targetWeights: [0, 0, 1] }, 'task'],
      [{ consistency: { weight: 1, standardisation } }, 'task'],
    ];
    for (const [change, which] of changes) {
      const found = of(change);
      const other = which === 'task' ? 'feature' : 'task';
      assert.notDeepEqual(found[which], plain[which]);
      assert.notDeepEqual(found.gradient, plain.gradient);
      assert.deepEqual(found[other], plain[other]);
    }
    tf.dispose(Object.values(batch) as tf.TensorContainer);
    model.dispose();
  });
});
