import * as tf from '@tensorflow/tfjs';
import type { Standardisation } from './targets.js';

/** Where the predicted EDV is below this share of TRAIN's mean, the quotient takes the share: it must not divide by zero. */
const smallestEDV = 0.25;

/**
 * How far the predictions contradict each other in each study, ((EF − 100·(EDV − ESV)/EDV) / σ(EF))² with all three in mL
 * and %: predicted standardised `[B, 3]`, result `[B]`, owned by the caller. EF by definition (Lang et al. 2015, JASE
 * 28:1–39); a known relation as a penalty beside the data's loss (Raissi et al. 2019, J. Comput. Phys. 378:686–707).
 */
export function consistencyLoss(predicted: tf.Tensor2D, { mean, std }: Standardisation): tf.Tensor1D {
  return tf.tidy(() => {
    const columns = tf.unstack(predicted, 1) as tf.Tensor1D[];
    const of = (i: 0 | 1 | 2): tf.Tensor => tf.add(tf.mul(columns[i] as tf.Tensor1D, std[i]), mean[i]);
    const [EDV, ESV, EF] = [of(0), of(1), of(2)] as const;
    const fraction = tf.div(tf.sub(EDV, ESV), tf.maximum(EDV, smallestEDV * mean[0]));
    return tf.square(tf.div(tf.sub(EF, tf.mul(fraction, 100)), std[2])) as tf.Tensor1D;
  });
}
