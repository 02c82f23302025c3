import * as tf from '@tensorflow/tfjs';
import { loraWeight, outputNorms } from '../nn/lora.js';
import { kaimingUniform } from '../tree/init.js';
import { shapeOf } from '../tree/leaf.js';
import { toMemory } from '../tree/layout.js';
import { flattenParams, mapParams, trainable } from '../tree/params.js';
import { fold, type Key } from '../tree/random.js';
import { sizeOf, type Layout, type Params, type Shape, type Spec } from '../tree/spec.js';
import type { LoraConfig } from './lora_config.js';
import { layoutOfB, loraTargets, trainedInFull, type LoraTarget } from './lora_targets.js';

/** The values of a low-rank update in the file's order; without `magnitude` DoRA begins at the base's own lengths. */
export interface LoraValues {
  readonly A: Float32Array;
  readonly B: Float32Array;
  readonly magnitude?: Float32Array;
}

/** The tree with the targets' leaves wrapped around the given values; A, B and magnitudes are trainable. */
export function attachLora<P extends Params>(
  params: P,
  found: readonly LoraTarget[],
  values: (target: LoraTarget) => LoraValues,
): P {
  const byPath = new Map(found.map((target) => [target.path, target]));
  return mapParams(params, (base, path) => {
    const target = byPath.get(path);
    if (target === undefined) return base;
    if (base.kind === 'lora') throw new Error(`${path} is adapted already`);
    const { shapes, layout, scale, dropout } = target;
    const given = values(target);
    const variable = (data: Float32Array, shape: Shape, at: Layout): tf.Variable =>
      tf.tidy(() => tf.variable(toMemory(data, shape, at), true));
    const A = variable(given.A, shapes.A, layout);
    const B = variable(given.B, shapes.B, layoutOfB(layout));
    const leaf = { kind: 'lora', base, A, B, scale, dropout } as const;
    if (shapes.magnitude === undefined) return leaf;
    const lengths = (): tf.Tensor =>
      given.magnitude === undefined ? outputNorms(loraWeight(leaf)) : tf.tensor1d(given.magnitude);
    return { ...leaf, magnitude: tf.tidy(() => tf.variable(lengths(), true)) };
  });
}

/**
 * The tree with low-rank updates on the weights a configuration chooses: A kaiming-uniform, B zero, both trainable, so
 * that outputs stay what they were; biases and modules to save become trainable as they are. The base tensors pass to
 * the new tree, the caller owns it. Hu et al. 2021, arXiv:2106.09685.
 * @throws BadInput for a target that cannot be adapted (depthwise kernels, norms, tables), and when there is none.
 */
export function wrapLora<P extends Params>(params: P, spec: Spec, config: LoraConfig, key: Key): P {
  const full = trainedInFull(spec, config);
  const wrapped = attachLora(params, loraTargets(spec, config), ({ module, shapes }) => ({
    A: kaimingUniform(fold(fold(key, module), 'lora_A'), shapes.A),
    B: new Float32Array(sizeOf(shapes.B)),
  }));
  return trainable(wrapped, (path) => full.has(path));
}

/** Values in the adapters of a tree, and in everything else. */
export function countLora(params: Params): { adapter: number; base: number } {
  let adapter = 0;
  let base = 0;
  for (const leaf of flattenParams(params).values()) {
    if (leaf.kind === 'lora') adapter += leaf.A.size + leaf.B.size + (leaf.magnitude?.size ?? 0);
    base += sizeOf(shapeOf(leaf));
  }
  return { adapter, base };
}
