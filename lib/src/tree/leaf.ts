import * as tf from '@tensorflow/tfjs';

/**
 * A weight as it lies in memory (the layout of its spec). It is trained iff `value` is a `tf.Variable`; a frozen leaf
 * holds a plain tensor, which no tape ever sees.
 */
export interface DenseLeaf {
  readonly kind: 'dense';
  readonly value: tf.Tensor;
}

/**
 * A low-rank update beside a frozen base of any kind: y = base(x) + scale · B(A(dropout(x))).
 * In memory A and B have the layout of a linear or convolution weight: linear and 1×1 `A [r, in]`, `B [out, r]`;
 * k×k convolution `A [kh, kw, in, r]`, `B [out, r]`. Hu et al. 2021, arXiv:2106.09685; peft/tuners/lora/layer.py.
 * With a magnitude the updated weight of each output is stretched to that length (DoRA, Liu et al. 2024, arXiv:2402.09353).
 */
export interface LoraLeaf {
  readonly kind: 'lora';
  readonly base: DenseLeaf;
  readonly A: tf.Tensor;
  readonly B: tf.Tensor;
  /** alpha / r (or alpha / √r for rsLoRA). */
  readonly scale: number;
  readonly dropout: number;
  /** DoRA's lengths, `[out]`. */
  readonly magnitude?: tf.Tensor | undefined;
}

/** A parameter of a model in memory. */
export type Leaf = DenseLeaf | LoraLeaf;

export function dense(value: tf.Tensor): DenseLeaf {
  return { kind: 'dense', value };
}

export function isLeaf(node: unknown): node is Leaf {
  const kind = typeof node === 'object' && node !== null ? (node as { kind?: unknown }).kind : undefined;
  return kind === 'dense' || kind === 'lora';
}

/** Whether gradients are wanted for a tensor of a leaf. */
export function isTrainable(value: tf.Tensor): value is tf.Variable {
  return value instanceof tf.Variable;
}

/** The tensors a leaf holds, the base's first. */
export function tensorsOf(leaf: Leaf): tf.Tensor[] {
  if (leaf.kind === 'dense') return [leaf.value];
  const { base, A, B, magnitude } = leaf;
  return [...tensorsOf(base), A, B, ...(magnitude === undefined ? [] : [magnitude])];
}
