import * as tf from '@tensorflow/tfjs';

/** A loss of one difference d, and its derivative as `factor` · slope(d). */
interface Rule {
  readonly value: (d: tf.Tensor) => tf.Tensor;
  readonly slope: (d: tf.Tensor) => tf.Tensor;
  readonly factor: number;
}

const squared: Rule = { value: (d) => tf.square(d), slope: (d) => d, factor: 2 };

const absolute: Rule = { value: (d) => tf.abs(d), slope: (d) => tf.sign(d), factor: 1 };

const huber: Rule = {
  value: (d) => {
    const size = tf.abs(d);
    const near = tf.minimum(size, 1);
    return tf.add(tf.mul(tf.square(near), 0.5), tf.sub(size, near));
  },
  slope: (d) => tf.clipByValue(d, -1, 1),
  factor: 1,
};

/**
 * Mean of a rule over everything but the first axis, by `weights` (M of them, of sum 1) where given: `[N, …]` to `[N]`, owned by
 * the caller. The gradient goes to x alone.
 */
function meanOf(rule: Rule, x: tf.Tensor, reference: tf.Tensor, weights?: readonly number[]): tf.Tensor1D {
  return tf.tidy(() => {
    const N = x.shape[0] as number;
    const M = x.size / N;
    const wanted = tf.reshape(reference, [N, M]);
    const perRow = tf.customGrad((input, save) => {
      const difference = tf.sub(input as tf.Tensor, wanted);
      (save as tf.GradSaveFunc)([difference]);
      const values = rule.value(difference);
      return {
        value: weights === undefined ? tf.mean(values, 1) : tf.sum(tf.mul(values, [weights]), 1),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
          const slope = rule.slope(saved[0] as tf.Tensor);
          const share = weights === undefined ? rule.factor / M : [weights.map((weight) => weight * rule.factor)];
          return tf.mul(slope, tf.mul(tf.expandDims(dy, 1), share));
        },
      };
    });
    return perRow(tf.reshape(x, [N, M])) as tf.Tensor1D;
  });
}

/** Mean of (x − reference)² over everything but the first axis: `[N, …]` to `[N]`, owned by the caller. */
export function meanSquaredError(x: tf.Tensor, reference: tf.Tensor): tf.Tensor1D {
  return meanOf(squared, x, reference);
}

export type TaskLoss = 'mse' | 'l1' | 'huber';
export type FeatureLoss = 'mse' | 'cosine' | 'smooth_l1';

/** What EDV, ESV and EF count in the task loss. */
export type TargetWeights = readonly [EDV: number, ESV: number, EF: number];

const taskRules: Readonly<Record<TaskLoss, Rule>> = { mse: squared, l1: absolute, huber };

/**
 * Task loss of each study, Σ w·ℓ(z − y) / Σ w over the standardised EDV, ESV and EF; predicted and target `[B, 3]`, result
 * `[B]`, owned by the caller. ℓ(d) is d² (mse), |d| (l1), or d²/2 up to |d| = 1 and |d| − ½ beyond (huber; Huber 1964, Ann.
 * Math. Statist. 35:73–101; torch.nn.HuberLoss of delta 1).
 */
export function taskLoss(
  predicted: tf.Tensor2D,
  target: tf.Tensor2D,
  kind: TaskLoss = 'mse',
  weights: TargetWeights = [1, 1, 1],
): tf.Tensor1D {
  return tf.tidy(() => {
    const sum = weights.reduce((total, weight) => total + weight, 0);
    const areEqual = weights.every((weight) => weight === weights[0]);
    const shares = areEqual ? undefined : weights.map((weight) => weight / sum);
    return meanOf(taskRules[kind], predicted, target, shares);
  });
}

/** Mean over the cells of 1 − cos between the channels there: maps `[N, g, g, C]` to `[N]`, owned by the caller. */
function cosineDistance(x: tf.Tensor4D, reference: tf.Tensor4D): tf.Tensor1D {
  return tf.tidy(() => {
    const dot = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => tf.sum(tf.mul(a, b), -1);
    const lengths = tf.sqrt(tf.maximum(tf.mul(dot(x, x), dot(reference, reference)), 1e-16));
    return tf.mean(tf.sub(1, tf.div(dot(x, reference), lengths)), [1, 2]) as tf.Tensor1D;
  });
}

const frameLosses: Readonly<Record<FeatureLoss, (x: tf.Tensor4D, reference: tf.Tensor4D) => tf.Tensor1D>> = {
  mse: meanSquaredError,
  smooth_l1: (x, reference) => meanOf(huber, x, reference),
  cosine: cosineDistance,
};

/**
 * Feature-matching loss of each study between the student's projected and the teacher's pooled map, the mean of its ED and
 * ES frame; both `[2B, g, g, C]` with ED first, result `[B]`, owned by the caller. With d their difference: mean of d² (mse;
 * FitNets, Romero et al. 2015, arXiv:1412.6550), mean of d²/2 up to |d| = 1 and |d| − ½ beyond (smooth_l1; Girshick 2015,
 * arXiv:1504.08083; torch.nn.SmoothL1Loss of beta 1), or mean over cells of 1 − cos of the channel vectors (cosine;
 * AM-RADIO, Ranzinger et al. 2024, arXiv:2312.06709; torch.nn.CosineSimilarity).
 */
export function featureLoss(projected: tf.Tensor4D, teacher: tf.Tensor4D, kind: FeatureLoss = 'mse'): tf.Tensor1D {
  return tf.tidy(() => {
    const perFrame = tf.reshape(frameLosses[kind](projected, teacher), [2, -1]);
    const [ED, ES] = tf.unstack(perFrame) as [tf.Tensor1D, tf.Tensor1D];
    return tf.mul(tf.add(ED, ES), 0.5);
  });
}

/** Σ weight · loss, the scalar whose gradient is taken; both `[B]`. */
export function weightedSum(losses: tf.Tensor1D, weights: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => tf.reshape(tf.dot(losses, weights), []) as tf.Scalar);
}
