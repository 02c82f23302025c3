import * as tf from '@tensorflow/tfjs';
import { weightOf } from '../ops/dequantize.js';
import { detached } from '../ops/detached.js';
import type { LoraLeaf } from '../tree/leaf.js';
import { dropout, type DropoutKey } from './dropout.js';

/** The update scale·B·A in the shape of the weight, `[out, in]` or HWIO; the caller owns it. */
export function loraUpdate({ A, B, scale }: Pick<LoraLeaf, 'A' | 'B' | 'scale'>): tf.Tensor {
  return tf.tidy(() => {
    if (A.rank === 2) return tf.mul(tf.matMul(B as tf.Tensor2D, A as tf.Tensor2D), scale);
    const [kh, kw, inputs, r] = A.shape as [number, number, number, number];
    const product = tf.matMul(tf.reshape(A, [-1, r]), B as tf.Tensor2D, false, true);
    return tf.mul(tf.reshape(product, [kh, kw, inputs, -1]), scale);
  });
}

/** Length of the weight of each output, `[out]`, of a weight `[out, in]` or HWIO; the caller owns it. */
export function outputNorms(weight: tf.Tensor): tf.Tensor1D {
  return tf.tidy(() => tf.sqrt(tf.sum<tf.Tensor1D>(tf.square(weight), weight.rank === 2 ? [1] : [0, 1, 2])));
}

/** W + scale·B·A in the shape of the weight; the caller owns it. `after` as in {@link weightOf}. */
export function loraWeight(leaf: Pick<LoraLeaf, 'base' | 'A' | 'B' | 'scale'>, after?: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.add(weightOf(leaf.base, after), loraUpdate(leaf)));
}

/** DoRA's factor of each output, magnitude / ‖W + scale·B·A‖, `[out]`; its gradient sees the magnitude alone (§4.3). */
export function doraFactor(leaf: LoraLeaf & { readonly magnitude: tf.Tensor }, after?: tf.Tensor): tf.Tensor1D {
  const norms = detached(() => outputNorms(loraWeight(leaf, after)));
  return tf.div(leaf.magnitude as tf.Tensor1D, norms);
}

/**
 * The product of a LoRA leaf from the products of its base (without bias) and of its low-rank path, both linear in x.
 * With dropout DoRA stretches what the base makes of the dropped input, as PEFT does (peft/tuners/lora/variants.py).
 */
export function loraProduct<T extends tf.Tensor>(
  x: T,
  leaf: LoraLeaf,
  dropoutKey: DropoutKey | undefined,
  base: (x: T) => T,
  lowRank: (x: T) => T,
): T {
  const { magnitude } = leaf;
  const dropped = dropout(x, leaf.dropout, dropoutKey);
  const update = tf.mul(lowRank(dropped), leaf.scale);
  const plain = base(x);
  if (magnitude === undefined) return tf.add(plain, update);
  const factor = doraFactor({ ...leaf, magnitude }, x);
  const stretched = dropped === x ? plain : base(dropped);
  return tf.add(plain, tf.add(tf.mul(stretched, tf.sub(factor, 1)), tf.mul(update, factor)));
}
