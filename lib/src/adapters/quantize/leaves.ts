import * as tf from '@tensorflow/tfjs';
import { byteTensor } from '../../engine/bytes.js';
import { BadInput } from '../../host/errors.js';
import { scaleBlockSize } from '../../ops/quantization_tables.js';
import type { BlockScales, Int8Leaf, Nf4Leaf, QuantizedLeaf } from '../../tree/leaf.js';
import { denseLeaf, type LeafMaker } from '../../tree/params.js';
import type { Shape } from '../../tree/spec.js';
import { isMatrix } from '../matrices.js';
import { nestScales, quantizeNf4, type NestedScales } from './blockwise.js';
import { quantizeInt8, type Int8Codes } from './int8.js';

/** How frozen weights lie in memory and are multiplied: `llm_int8` quantizes the inputs too (bitsandbytes' full computation). */
export const precisions = ['fp32', 'int8', 'llm_int8', 'nf4'] as const;
export type Precision = (typeof precisions)[number];

/** Columns of the input with a value of at least this size stay at full precision (Dettmers et al. 2022, §3.2). */
export const llmInt8Threshold = 6;

/** An 8-bit leaf in the engine's memory; the caller owns it. */
export function int8Leaf({ codes, absmax }: Int8Codes, outlierThreshold?: number): Int8Leaf {
  const rows = absmax.length;
  const shape = [rows, codes.length / rows] as const;
  const bytes = new Uint8Array(codes.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (codes[i] as number) + 128;
  return { kind: 'int8', shape, codes: byteTensor(bytes, shape), absmax: tf.tensor1d(absmax), outlierThreshold };
}

/** Double-quantized scales in the engine's memory. */
export function nestedScales({ codes, absmax, offset }: NestedScales): BlockScales {
  const groups = absmax.length;
  const whole = new Uint8Array(groups * scaleBlockSize);
  whole.set(codes);
  return {
    kind: 'nested',
    codes: byteTensor(whole, [groups, scaleBlockSize]),
    absmax: tf.tensor2d(absmax, [groups, 1]),
    offset,
  };
}

/** A 4-bit leaf in the engine's memory; the caller owns it. */
export function nf4Leaf(packed: Uint8Array, scales: BlockScales, shape: readonly [number, number]): Nf4Leaf {
  const [out, inputs] = shape;
  const rows = inputs % 2 === 0 ? [out, inputs / 2] : [packed.length];
  return { kind: 'nf4', shape, packed: byteTensor(packed, rows), scales };
}

function checkFinite(path: string, absmax: Float32Array): void {
  if (absmax.every(Number.isFinite)) return;
  throw new BadInput({ where: `weight ${path}`, expected: 'finite values to quantize', got: 'NaN or infinity' });
}

/** A matrix in 8 or 4 bits; the caller owns it. @throws BadInput for values that are not finite. */
export function quantizedLeaf(
  path: string,
  shape: Shape,
  values: Float32Array,
  precision: Exclude<Precision, 'fp32'>,
): QuantizedLeaf {
  const [out = 1, inputs = 1] = shape;
  if (precision === 'nf4') {
    const { packed, absmax } = quantizeNf4(values);
    checkFinite(path, absmax);
    return nf4Leaf(packed, nestedScales(nestScales(absmax)), [out, inputs]);
  }
  const codes = quantizeInt8(values, out);
  checkFinite(path, codes.absmax);
  return int8Leaf(codes, precision === 'llm_int8' ? llmInt8Threshold : undefined);
}

/**
 * Makes leaves at a precision: the weights of linear layers and 1×1 convolutions that `choose` admits are quantized, all
 * others stay as they are.
 */
export function leafMaker(precision: Precision, choose: (path: string) => boolean = () => true): LeafMaker {
  if (precision === 'fp32') return denseLeaf;
  return (path, spec, values) =>
    isMatrix(path, spec) && choose(path)
      ? quantizedLeaf(path, spec.shape, values, precision)
      : denseLeaf(path, spec, values);
}
