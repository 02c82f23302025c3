import * as tf from '@tensorflow/tfjs';

/**
 * Mean of (x − reference)² over everything but the first axis: `[N, …]` to `[N]`, owned by the caller. The gradient goes
 * to x alone and is one product, 2 (x − reference) / M.
 */
export function meanSquaredError(x: tf.Tensor, reference: tf.Tensor): tf.Tensor1D {
  return tf.tidy(() => {
    const N = x.shape[0] as number;
    const M = x.size / N;
    const wanted = tf.reshape(reference, [N, M]);
    const perRow = tf.customGrad((input, save) => {
      const difference = tf.sub(input as tf.Tensor, wanted);
      (save as tf.GradSaveFunc)([difference]);
      return {
        value: tf.mean(tf.square(difference), 1),
        gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
          return tf.mul(saved[0] as tf.Tensor, tf.mul(tf.expandDims(dy, 1), 2 / M));
        },
      };
    });
    return perRow(tf.reshape(x, [N, M])) as tf.Tensor1D;
  });
}

/** Task loss of each study: MSE over the standardised EDV, ESV and EF; predicted and target `[B, 3]`, result `[B]`. */
export function taskLoss(predicted: tf.Tensor2D, target: tf.Tensor2D): tf.Tensor1D {
  return meanSquaredError(predicted, target);
}

/**
 * Feature-matching loss of each study: MSE between the student's projected and the teacher's pooled map, the mean of its
 * ED and ES frame (FitNets, Romero et al. 2015, arXiv:1412.6550); both `[2B, g, g, C]` with ED first, result `[B]`.
 */
export function featureLoss(projected: tf.Tensor4D, teacher: tf.Tensor4D): tf.Tensor1D {
  return tf.tidy(() => {
    const perFrame = tf.reshape(meanSquaredError(projected, teacher), [2, -1]);
    const [ED, ES] = tf.unstack(perFrame) as [tf.Tensor1D, tf.Tensor1D];
    return tf.mul(tf.add(ED, ES), 0.5);
  });
}

/** Σ weight · loss, the scalar whose gradient is taken; both `[B]`. */
export function weightedSum(losses: tf.Tensor1D, weights: tf.Tensor1D): tf.Scalar {
  return tf.tidy(() => tf.reshape(tf.dot(losses, weights), []) as tf.Scalar);
}
