import * as tf from '@tensorflow/tfjs';
import { isTrainable, type Leaf } from '../tree/leaf.js';
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
 * and a base that has to be made anew (dequantized) is made again in the backward pass.
 */
function frozenMatMul(x: tf.Tensor2D, weight: () => tf.Tensor2D): tf.Tensor2D {
  return tf.customGrad((input) => ({
    value: tf.matMul(input as tf.Tensor2D, weight(), false, true),
    gradFunc: (dy: tf.Tensor) => tf.matMul(dy as tf.Tensor2D, weight()),
  }))(x) as tf.Tensor2D;
}

/** x `[N, in]` times the weight of a leaf `[out, in]`, transposed: `[N, out]`. */
export function matMulLeaf(x: tf.Tensor2D, leaf: Leaf, dropoutKey?: DropoutKey): tf.Tensor2D {
  switch (leaf.kind) {
    case 'dense': {
      const weight = leaf.value as tf.Tensor2D;
      return isTrainable(weight) ? tf.matMul(x, weight, false, true) : frozenMatMul(x, () => weight);
    }
    case 'lora':
      return loraProduct(
        x,
        leaf,
        dropoutKey,
        (input) => matMulLeaf(input, leaf.base),
        (input) => tf.matMul(tf.matMul(input, leaf.A as tf.Tensor2D, false, true), leaf.B as tf.Tensor2D, false, true),
      );
  }
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
