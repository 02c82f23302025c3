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
 * A frozen weight of 8-bit codes by rows (bitsandbytes' row-wise absmax): w = code · absmax / 127.
 * Dettmers et al. 2022, arXiv:2208.07339.
 */
export interface Int8Leaf {
  readonly kind: 'int8';
  /** `[out, in]`. */
  readonly shape: readonly [number, number];
  /** Bytes `[out, in]` (engine/bytes): code + 128. */
  readonly codes: tf.Tensor;
  /** Largest |w| of each row, `[out]`. */
  readonly absmax: tf.Tensor1D;
  /** LLM.int8: inputs are quantized too, except columns that hold a value of at least this size. */
  readonly outlierThreshold: number | undefined;
}

/** Largest |w| of each block, as it is, or in 8-bit codes of the dynamic map around `offset` (double quantization). */
export type BlockScales =
  | { readonly kind: 'plain'; readonly absmax: tf.Tensor1D }
  | {
      readonly kind: 'nested';
      /** Bytes `[groups, 256]` (engine/bytes), the last group filled up. */
      readonly codes: tf.Tensor;
      /** Largest |absmax − offset| of each group, `[groups, 1]`. */
      readonly absmax: tf.Tensor2D;
      readonly offset: number;
    };

/**
 * A frozen weight of 4-bit NormalFloat codes in blocks of 64 over all its values, row after row: w = table[code] · absmax.
 * Dettmers et al. 2023, arXiv:2305.14314.
 */
export interface Nf4Leaf {
  readonly kind: 'nf4';
  /** `[out, in]`. */
  readonly shape: readonly [number, number];
  /** Bytes of two codes each, the first in the high half: `[out, in/2]`, for an odd `in` `[⌈out·in/2⌉]` (engine/bytes). */
  readonly packed: tf.Tensor;
  readonly scales: BlockScales;
}

export type QuantizedLeaf = Int8Leaf | Nf4Leaf;

/** What an adapter may stand on. */
export type BaseLeaf = DenseLeaf | QuantizedLeaf;

/**
 * A low-rank update beside a frozen base of any kind: y = base(x) + scale · B(A(dropout(x))).
 * In memory A and B have the layout of a linear or convolution weight: linear and 1×1 `A [r, in]`, `B [out, r]`;
 * k×k convolution `A [kh, kw, in, r]`, `B [out, r]`. Hu et al. 2021, arXiv:2106.09685; peft/tuners/lora/layer.py.
 * With a magnitude the updated weight of each output is stretched to that length (DoRA, Liu et al. 2024, arXiv:2402.09353).
 */
export interface LoraLeaf {
  readonly kind: 'lora';
  readonly base: BaseLeaf;
  readonly A: tf.Tensor;
  readonly B: tf.Tensor;
  /** alpha / r (or alpha / √r for rsLoRA). */
  readonly scale: number;
  readonly dropout: number;
  /** DoRA's lengths, `[out]`. */
  readonly magnitude?: tf.Tensor | undefined;
}

/** A parameter of a model in memory. */
export type Leaf = BaseLeaf | LoraLeaf;

export function dense(value: tf.Tensor): DenseLeaf {
  return { kind: 'dense', value };
}

const kinds: ReadonlySet<unknown> = new Set(['dense', 'int8', 'nf4', 'lora'] satisfies Leaf['kind'][]);

export function isLeaf(node: unknown): node is Leaf {
  return typeof node === 'object' && node !== null && kinds.has((node as { kind?: unknown }).kind);
}

/** Whether gradients are wanted for a tensor of a leaf. */
export function isTrainable(value: tf.Tensor): value is tf.Variable {
  return value instanceof tf.Variable;
}

/** Shape in memory of the weight that a leaf stands for. */
export function shapeOf(leaf: Leaf): readonly number[] {
  if (leaf.kind === 'lora') return shapeOf(leaf.base);
  return leaf.kind === 'dense' ? leaf.value.shape : leaf.shape;
}

/** The tensors a leaf holds, the base's first. */
export function tensorsOf(leaf: Leaf): tf.Tensor[] {
  switch (leaf.kind) {
    case 'dense':
      return [leaf.value];
    case 'int8':
      return [leaf.codes, leaf.absmax];
    case 'nf4':
      return [leaf.packed, leaf.scales.absmax, ...(leaf.scales.kind === 'nested' ? [leaf.scales.codes] : [])];
    case 'lora': {
      const { base, A, B, magnitude } = leaf;
      return [...tensorsOf(base), A, B, ...(magnitude === undefined ? [] : [magnitude])];
    }
  }
}
