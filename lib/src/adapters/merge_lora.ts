import * as tf from '@tensorflow/tfjs';
import { doraFactor, loraUpdate, loraWeight } from '../nn/lora.js';
import { weightOf } from '../ops/dequantize.js';
import { dense, type Leaf, type LoraLeaf } from '../tree/leaf.js';
import { flattenParams, mapParams } from '../tree/params.js';
import type { Params } from '../tree/spec.js';

/** DoRA's factors in a shape that stretches the outputs of a weight `[out, in]` or HWIO. */
function outputFactors(leaf: LoraLeaf & { readonly magnitude: tf.Tensor }): tf.Tensor {
  const factor = doraFactor(leaf);
  return leaf.A.rank === 2 ? tf.reshape(factor, [-1, 1]) : factor;
}

/** W + scale·B·A, with DoRA stretched to its magnitudes, in the base's shape. */
function mergedWeight(leaf: LoraLeaf): tf.Tensor {
  return tf.tidy(() => {
    const sum = loraWeight(leaf);
    const { magnitude } = leaf;
    return magnitude === undefined ? sum : tf.mul(sum, outputFactors({ ...leaf, magnitude }));
  });
}

/** The weight of a leaf without a kind, owned by the caller. */
function denseWeight(leaf: Leaf): tf.Tensor {
  if (leaf.kind === 'lora') return mergedWeight(leaf);
  return leaf.kind === 'dense' ? tf.clone(leaf.value) : weightOf(leaf);
}

/**
 * A frozen dense tree without adapters that computes the same: quantized weights dequantized, the updates added, the
 * other leaves copied. The caller owns every tensor of it; the given tree stays as it is. PEFT quantizes the sum again
 * (peft/tuners/lora/bnb.py), by which an update may be lost among the roundings of 4 bits; here it stays fp32. Inputs of
 * `llm_int8` are no longer quantized after a merge.
 */
export function mergeLora<P extends Params>(params: P): P {
  return mapParams(params, (leaf) => dense(denseWeight(leaf)));
}

/** The base weight out of a merged one. */
function unmergedWeight(merged: tf.Tensor, leaf: LoraLeaf): tf.Tensor {
  return tf.tidy(() => {
    const { magnitude } = leaf;
    const sum = magnitude === undefined ? merged : tf.div(merged, outputFactors({ ...leaf, magnitude }));
    return tf.sub(sum, loraUpdate(leaf));
  });
}

/**
 * What {@link mergeLora} did, undone: the weights of a merged tree without the updates of the adapted one, to fp32
 * rounding and dequantized. The caller owns every tensor of the frozen result; the given trees stay as they are.
 */
export function unmergeLora<P extends Params>(merged: P, adapted: Params): P {
  const adapters = flattenParams(adapted);
  return mapParams(merged, (leaf, path) => {
    if (leaf.kind !== 'dense') throw new Error(`${path} of the merged tree is a ${leaf.kind} leaf`);
    const adapter = adapters.get(path);
    return dense(adapter?.kind === 'lora' ? unmergedWeight(leaf.value, adapter) : tf.clone(leaf.value));
  });
}
