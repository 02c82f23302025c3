import * as tf from '@tensorflow/tfjs';
import { BadInput } from '../host/errors.js';
import { kaimingUniform } from '../tree/init.js';
import { toMemory } from '../tree/layout.js';
import { dense, type Leaf, type LoraLeaf } from '../tree/leaf.js';
import { flattenParams, mapParams } from '../tree/params.js';
import { fold, type Key } from '../tree/random.js';
import { flattenSpec, type Layout, type Params, type Shape, type Spec } from '../tree/spec.js';
import { rankAndScale, targets, type LoraConfig } from './lora_config.js';

/** The low-rank update of one weight as PEFT stores it. */
export interface LoraTarget {
  /** Path of the weight in the tree. */
  readonly path: string;
  /** The weight's path without `.weight`: PEFT's module path. */
  readonly module: string;
  readonly layout: Layout;
  /** Shapes in the file. */
  readonly shapes: { readonly A: Shape; readonly B: Shape };
  readonly scale: number;
  readonly dropout: number;
}

const suffix = '.weight';

/** A and B of a weight: a convolution like the base's to r channels, then a linear or 1×1 one (peft/tuners/lora/layer.py). */
function updateShapes(shape: Shape, r: number): { A: Shape; B: Shape } {
  const [out = 1, inputs = 1, ...kernel] = shape;
  return { A: [r, inputs, ...kernel], B: [out, r, ...kernel.map(() => 1)] };
}

function refuse(module: string, got: string, fix: string): never {
  throw new BadInput({ where: `LoRA target ${module}`, expected: 'a linear or convolution weight', got, fix });
}

function checkAdaptable(module: string, shape: Shape, layout: Layout): void {
  const fix = 'narrow target_modules';
  if (layout === 'depthwise') refuse(module, 'a depthwise kernel, whose low-rank update cannot be merged', fix);
  if (/(^|\.)head\.attention\.out_proj$/.test(module)) {
    // torch's MultiheadAttention reads this weight past PEFT's wrapper: PEFT's forward ignores what its merge adds.
    refuse(module, 'the projection of torch.nn.MultiheadAttention, which PEFT adapts only when merging', fix);
  }
  const linear = layout === 'same' && shape.length === 2 && !/embedding$/.test(module);
  if (!linear && layout !== 'conv1x1' && layout !== 'conv') refuse(module, `a parameter [${shape.join(', ')}]`, fix);
}

/**
 * The weights of a model that a configuration adapts; `prefix` stands before the module paths the patterns see.
 * @throws BadInput for a weight that cannot be adapted, and when none is chosen.
 */
export function loraTargets(spec: Spec, config: LoraConfig, prefix = ''): LoraTarget[] {
  const isTarget = targets(config);
  const found: LoraTarget[] = [];
  for (const [path, { shape, layout }] of flattenSpec(spec)) {
    const module = path.slice(0, -suffix.length);
    if (!path.endsWith(suffix) || !isTarget(prefix + module)) continue;
    checkAdaptable(module, shape, layout);
    const { r, scale } = rankAndScale(config, prefix + module);
    found.push({ path, module, layout, shapes: updateShapes(shape, r), scale, dropout: config.lora_dropout });
  }
  if (found.length === 0) {
    throw new BadInput({
      where: 'LoRA field target_modules',
      expected: 'a choice of the model’s modules',
      got: `${JSON.stringify(config.target_modules)}, which chooses none`,
    });
  }
  return found;
}

/** B's layout in memory: always a linear weight `[out, r]`. */
export function layoutOfB(layout: Layout): Layout {
  return layout === 'same' ? 'same' : 'conv1x1';
}

/** The tree with the targets' leaves wrapped around values given in the file's order; A and B are trainable. */
export function attachLora<P extends Params>(
  params: P,
  found: readonly LoraTarget[],
  values: (target: LoraTarget) => { A: Float32Array; B: Float32Array },
): P {
  const byPath = new Map(found.map((target) => [target.path, target]));
  return mapParams(params, (leaf, path) => {
    const target = byPath.get(path);
    if (target === undefined) return leaf;
    if (leaf.kind !== 'dense') throw new Error(`${path} is adapted already`);
    const { A, B } = values(target);
    const variable = (data: Float32Array, shape: Shape, layout: Layout): tf.Variable =>
      tf.tidy(() => tf.variable(toMemory(data, shape, layout), true));
    return {
      kind: 'lora',
      base: leaf,
      A: variable(A, target.shapes.A, target.layout),
      B: variable(B, target.shapes.B, layoutOfB(target.layout)),
      scale: target.scale,
      dropout: target.dropout,
    };
  });
}

/**
 * The tree with low-rank updates on the weights a configuration chooses: A kaiming-uniform, B zero, both trainable, so
 * that outputs stay what they were. The base tensors pass to the new tree, the caller owns it.
 * Hu et al. 2021, arXiv:2106.09685.
 * @throws BadInput for a target that cannot be adapted (depthwise kernels, norms, tables), and when there is none.
 */
export function wrapLora<P extends Params>(params: P, spec: Spec, config: LoraConfig, key: Key): P {
  return attachLora(params, loraTargets(spec, config), ({ module, shapes }) => ({
    A: kaimingUniform(fold(fold(key, module), 'lora_A'), shapes.A),
    B: new Float32Array(shapes.B.reduce((product, n) => product * n, 1)),
  }));
}

/** W + scale·B·A in the base's shape: A `[…, in, r]` or `[r, in]`, B `[out, r]`. */
function mergedWeight({ base, A, B, scale }: LoraLeaf): tf.Tensor {
  return tf.tidy(() => {
    if (A.rank === 2) return tf.add(base.value, tf.mul(tf.matMul(B as tf.Tensor2D, A as tf.Tensor2D), scale));
    const r = A.shape[A.rank - 1] as number;
    const product = tf.matMul(tf.reshape(A, [-1, r]), B as tf.Tensor2D, false, true);
    return tf.add(base.value, tf.mul(tf.reshape(product, base.value.shape), scale));
  });
}

/**
 * A frozen tree without adapters that computes the same: W + scale·B·A, the leaves that had none copied. The caller
 * owns every tensor of it; the given tree stays as it is.
 */
export function mergeLora<P extends Params>(params: P): P {
  return mapParams(params, (leaf: Leaf) => dense(leaf.kind === 'lora' ? mergedWeight(leaf) : tf.clone(leaf.value)));
}

/** Values in the adapters of a tree, and in everything else. */
export function countLora(params: Params): { adapter: number; base: number } {
  let adapter = 0;
  let base = 0;
  for (const leaf of flattenParams(params).values()) {
    if (leaf.kind === 'lora') adapter += leaf.A.size + leaf.B.size;
    base += leaf.kind === 'lora' ? leaf.base.value.size : leaf.value.size;
  }
  return { adapter, base };
}
