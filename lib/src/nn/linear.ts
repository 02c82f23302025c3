import * as tf from '@tensorflow/tfjs';
import { weightOf } from '../ops/dequantize.js';
import { llmInt8Input } from '../ops/llm_int8.js';
import { isTrainable, type BaseLeaf, type Leaf, type LoraLeaf } from '../tree/leaf.js';
import type { DropoutKey } from './dropout.js';
import { loraProduct } from './lora.js';

/** What a layer takes besides its input and weight. */
export interface LinearOptions {
  /** Dense, `[out]`. */
  readonly bias?: Leaf | undefined;
  /** Given while training: turns on the dropout of LoRA leaves. */
  readonly dropoutKey?: DropoutKey | undefined;
}

/**
 * The product with a frozen weight as one operation in x alone: the tape neither keeps x nor evaluates a gradient for W,
 * and a base that has to be dequantized is dequantized again in the backward pass.
 */
function frozenMatMul(x: tf.Tensor2D, leaf: BaseLeaf): tf.Tensor2D {
  const weight = (after: tf.Tensor): tf.Tensor2D => weightOf(leaf, after) as tf.Tensor2D;
  const threshold = leaf.kind === 'int8' ? leaf.outlierThreshold : undefined;
  const seen = (input: tf.Tensor2D): tf.Tensor2D => (threshold === undefined ? input : llmInt8Input(input, threshold));
  return tf.customGrad((input) => ({
    value: tf.matMul(seen(input as tf.Tensor2D), weight(input as tf.Tensor), false, true),
    gradFunc: (dy: tf.Tensor) => tf.matMul(dy as tf.Tensor2D, weight(dy)),
  }))(x) as tf.Tensor2D;
}

/** x `[N, in]` times the weight of a leaf `[out, in]`, transposed: `[N, out]`. */
export function matMulLeaf(x: tf.Tensor2D, leaf: Leaf, dropoutKey?: DropoutKey): tf.Tensor2D {
  if (leaf.kind === 'lora') {
    const { base, A, B } = leaf as LoraLeaf & { readonly A: tf.Tensor2D; readonly B: tf.Tensor2D };
    const lowRank = (input: tf.Tensor2D): tf.Tensor2D => tf.matMul(tf.matMul(input, A, false, true), B, false, true);
    return loraProduct(x, leaf, dropoutKey, (input) => matMulLeaf(input, base), lowRank);
  }
  const trained = leaf.kind === 'dense' && isTrainable(leaf.value);
  return trained ? tf.matMul(x, leaf.value as tf.Tensor2D, false, true) : frozenMatMul(x, leaf);
}

/** A parameter that is no matrix of a product (a table, a probe) as the tensor it is; LoRA never adapts one. */
export function denseValue<T extends tf.Tensor>(leaf: Leaf): T {
  if (leaf.kind !== 'dense') throw new Error(`expected a dense parameter, got a ${leaf.kind} leaf`);
  return leaf.value as T;
}

/** A bias or norm weight as the tensor it is. */
export function vector(leaf: Leaf): tf.Tensor1D {
  return denseValue<tf.Tensor1D>(leaf);
}

/** y = x Wᵀ + b over the last axis; x `[…, in]`, weight `[out, in]`, result `[…, out]`, owned by the caller. */
export function linear<T extends tf.Tensor>(x: T, weight: Leaf, { bias, dropoutKey }: LinearOptions = {}): T {
  return tf.tidy(() => {
    const inputs = x.shape[x.rank - 1] as number;
    const product = matMulLeaf(tf.reshape(x, [-1, inputs]), weight, dropoutKey);
    const sum = bias === undefined ? product : tf.add(product, vector(bias));
    return tf.reshape(sum, [...x.shape.slice(0, -1), sum.shape[1] as number]) as T;
  });
}
