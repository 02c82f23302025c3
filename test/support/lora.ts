import * as tf from '@tensorflow/tfjs';
import { mapParams } from 'gemma-3ncore/tree/params';
import type { Params } from 'gemma-3ncore/tree/spec';

/** The tree with a LoRA leaf of rank 2 and B = 0 around every dense leaf whose path matches. */
export function withLora<P extends Params>(params: P, paths: RegExp): P {
  return mapParams(params, (leaf, path) => {
    if (leaf.kind !== 'dense' || !paths.test(path)) return leaf;
    const { shape } = leaf.value;
    const kernel = shape.length === 4;
    const out = kernel ? shape[3]! : shape[0]!;
    const A = tf.randomNormal(kernel ? [...shape.slice(0, 3), 2] : [2, shape[1]!], 0, 1, 'float32', 11);
    return { kind: 'lora', base: leaf, A, B: tf.zeros([out, 2]), scale: 2, dropout: 0 };
  });
}
