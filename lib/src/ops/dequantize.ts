import * as tf from '@tensorflow/tfjs';
import { bytesTo, lookUp, notBefore } from '../engine/bytes.js';
import { hasNativeOp, nativeOp } from '../engine/native_op.js';
import type { BaseLeaf, BlockScales, Int8Leaf, Nf4Leaf } from '../tree/leaf.js';
import { dynamicTable, nf4BlockSize, nf4PairTable } from './quantization_tables.js';

/** 1/127 as bitsandbytes has it. */
const perCode = 7.874016e-3;

/** lib/native/dequantize_ops.cc, where the engine has it. */
function fused(name: string, codes: tf.Tensor, scales: tf.Tensor, after: tf.Tensor = scales): tf.Tensor2D {
  return nativeOp(name, {}, [codes, scales, after], 1)[0] as tf.Tensor2D;
}

function dequantizeInt8({ codes, absmax }: Int8Leaf, after: tf.Tensor | undefined): tf.Tensor2D {
  const scales = tf.mul(absmax, perCode);
  if (hasNativeOp('NcoreDequantizeInt8')) return fused('NcoreDequantizeInt8', codes, scales, after);
  return tf.mul(tf.sub(bytesTo('float32', notBefore(codes, after)), 128), tf.reshape(scales, [-1, 1]));
}

/** The scales of the blocks, `[blocks]`. */
function blockScales(scales: BlockScales, blocks: number, after: tf.Tensor | undefined): tf.Tensor1D {
  if (scales.kind === 'plain') return scales.absmax;
  const unit = lookUp(tf.tensor1d(dynamicTable), notBefore(scales.codes, after));
  const values = tf.add(tf.mul(unit, scales.absmax), scales.offset);
  return tf.slice(tf.reshape<tf.Rank.R1>(values, [-1]), [0], [blocks]);
}

function dequantizeNf4({ shape, packed, scales }: Nf4Leaf, after: tf.Tensor | undefined): tf.Tensor2D {
  const size = shape[0] * shape[1];
  const blocks = Math.ceil(size / nf4BlockSize);
  const ofBlocks = blockScales(scales, blocks, after);
  if (packed.rank === 2 && hasNativeOp('NcoreDequantizeNf4'))
    return fused('NcoreDequantizeNf4', packed, ofBlocks, after);
  const table = tf.tensor2d(nf4PairTable, [256, 2]);
  const codes = tf.reshape<tf.Rank.R1>(lookUp(table, notBefore(packed, after)), [-1]);
  const whole = tf.pad(codes, [[0, blocks * nf4BlockSize - codes.size]]);
  const values = tf.mul(tf.reshape(whole, [blocks, nf4BlockSize]), tf.reshape(ofBlocks, [-1, 1]));
  return tf.reshape(tf.slice(tf.reshape(values, [-1]), [0], [size]), [...shape]);
}

/**
 * The weight that a base leaf stands for, `[out, in]` (or HWIO): a new tensor of the surrounding tidy where it has to be
 * dequantized, else the leaf's own. In a compiled function it is not made before `after` is known, so that a layer's
 * weight exists only while the layer computes.
 */
export function weightOf(leaf: BaseLeaf, after?: tf.Tensor): tf.Tensor {
  switch (leaf.kind) {
    case 'dense':
      return leaf.value;
    case 'int8':
      return tf.tidy(() => dequantizeInt8(leaf, after));
    case 'nf4':
      return tf.tidy(() => dequantizeNf4(leaf, after));
  }
}
