import * as tf from '@tensorflow/tfjs';
import { BadInput } from '../host/errors.js';
import { dense, isLeaf, isTrainable, tensorsOf, type Leaf } from './leaf.js';
import { toMemory } from './layout.js';
import { fold, type Key } from './random.js';
import { buildParams, flattenSpec, type Params, type ParamSpec, type ParamsOf, type Shape, type Spec } from './spec.js';

/** Named tensors of a file, read one at a time (files/safetensors implements it). */
export interface TensorSource {
  /** For messages: the file's name. */
  readonly where: string;
  names(): Iterable<string>;
  shapeOf(name: string): readonly number[];
  /** The stored type, as safetensors names it. */
  dtypeOf(name: string): string;
  /** The values as float32, whatever the stored type. */
  read(name: string): Float32Array;
}

/** Types that weights are stored in; counters and masks have others. */
const weightTypes = ['F64', 'F32', 'F16', 'BF16'];

/** Weights of a file that are stored packed, several entries a weight (adapters/quantize/bnb_files). */
export interface PackedEntries {
  /** Whether an entry is such a weight. @throws BadInput when it is, and not one that is computed with here. */
  has(name: string, path: string, spec: ParamSpec): boolean;
  /** The leaf of an entry that `has` affirms; the caller owns it. */
  read(name: string, path: string, spec: ParamSpec): Leaf;
}

/** The leaves of a tree by their dotted path. */
export function flattenParams(params: Params): Map<string, Leaf> {
  const found = new Map<string, Leaf>();
  const visit = (node: Params | undefined, path: string): void => {
    if (node === undefined) return;
    if (isLeaf(node)) {
      found.set(path, node);
      return;
    }
    for (const [name, child] of Object.entries(node as Record<string, Params | undefined>)) {
      visit(child, path === '' ? name : `${path}.${name}`);
    }
  };
  visit(params, '');
  return found;
}

/** The same tree with every leaf replaced by `f(leaf, path)`. */
export function mapParams<P extends Params>(params: P, f: (leaf: Leaf, path: string) => Leaf): P {
  const visit = (node: Params, path: string): Params => {
    if (isLeaf(node)) return f(node, path);
    const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
    if (Array.isArray(node)) return (node as readonly Params[]).map((child, i) => visit(child, at(String(i))));
    const entries = Object.entries(node as Record<string, Params | undefined>);
    return Object.fromEntries(entries.map(([name, child]) => [name, visit(child as Params, at(name))]));
  };
  return visit(params, '') as P;
}

/** Makes the leaf of a parameter from its values in the checkpoint's order. */
export type LeafMaker = (path: string, spec: ParamSpec, values: Float32Array) => Leaf;

/** A frozen leaf at full precision. */
export const denseLeaf: LeafMaker = (_path, { shape, layout }, values) => dense(toMemory(values, shape, layout));

/** New parameters by the spec's initialisers, frozen; the caller owns the tensors. */
export function initialise<S extends Spec>(spec: S, key: Key, leafOf: LeafMaker = denseLeaf): ParamsOf<S> {
  return buildParams(spec, (path, param) => leafOf(path, param, param.init(fold(key, path), param.shape)));
}

function checkEntry(source: TensorSource, name: string, shape: Shape): void {
  const fail = (expected: string, got: string): never => {
    throw new BadInput({ where: `${source.where}, entry ${name}`, expected, got });
  };
  const found = source.shapeOf(name);
  if (found.join() !== shape.join()) fail(`shape [${shape.join(', ')}]`, `[${found.join(', ')}]`);
  const dtype = source.dtypeOf(name);
  if (!weightTypes.includes(dtype)) fail(`weights of type ${weightTypes.join(', ')}`, dtype);
}

/**
 * Checks that a file has every parameter of a spec in its shape and a type of weights, or packed; reads no values.
 * @throws BadInput naming the missing or misshapen entry.
 */
export function checkEntries(
  spec: Spec,
  source: TensorSource,
  rename: (path: string) => string,
  packed?: PackedEntries,
): void {
  const available = new Set(source.names());
  for (const [path, param] of flattenSpec(spec)) {
    const name = rename(path);
    if (!available.has(name)) {
      throw new BadInput({ where: source.where, expected: `an entry ${name}`, got: 'none of that name' });
    }
    if (packed?.has(name, path, param) !== true) checkEntry(source, name, param.shape);
  }
}

/**
 * Parameters from a file, frozen; `rename` maps a path of the spec to the name in the file. Every name, shape and type is
 * checked before anything is allocated; then one entry after the other is read and handed to the engine: packed ones as they
 * are, others to `leafOf`. The caller owns the tensors.
 * @throws BadInput naming the missing, misshapen or damaged entry.
 */
export function load<S extends Spec>(
  spec: S,
  source: TensorSource,
  rename: (path: string) => string = (path) => path,
  leafOf: LeafMaker = denseLeaf,
  packed?: PackedEntries,
): ParamsOf<S> {
  checkEntries(spec, source, rename, packed);
  const loaded: Leaf[] = [];
  try {
    return buildParams(spec, (path, param) => {
      const name = rename(path);
      const isPacked = packed?.has(name, path, param) === true;
      const leaf = isPacked ? packed.read(name, path, param) : leafOf(path, param, source.read(name));
      loaded.push(leaf);
      return leaf;
    });
  } catch (error) {
    tf.dispose(loaded.flatMap(tensorsOf));
    throw error;
  }
}

/**
 * The same tree with the chosen leaves as variables named by their path; takes over the tensors it replaces.
 * @throws Error when one of them is not dense.
 */
export function trainable<P extends Params>(params: P, choose: (path: string) => boolean = () => true): P {
  return mapParams(params, (leaf, path) => {
    if (!choose(path)) return leaf;
    if (leaf.kind !== 'dense') throw new Error(`${path} is a ${leaf.kind} leaf, which cannot be trained in full`);
    if (isTrainable(leaf.value)) return leaf;
    const variable = tf.variable(leaf.value, true);
    leaf.value.dispose();
    return dense(variable);
  });
}

/** The variables of a tree by path; a LoRA leaf gives `<path>.lora_A`, `.lora_B` and, with DoRA, `.lora_magnitude_vector`. */
export function trainableVariables(params: Params): Map<string, tf.Variable> {
  const found = new Map<string, tf.Variable>();
  for (const [path, leaf] of flattenParams(params)) {
    if (leaf.kind === 'dense') {
      if (isTrainable(leaf.value)) found.set(path, leaf.value);
      continue;
    }
    if (leaf.kind !== 'lora') continue;
    if (isTrainable(leaf.A)) found.set(`${path}.lora_A`, leaf.A);
    if (isTrainable(leaf.B)) found.set(`${path}.lora_B`, leaf.B);
    const { magnitude } = leaf;
    if (magnitude !== undefined && isTrainable(magnitude)) found.set(`${path}.lora_magnitude_vector`, magnitude);
  }
  return found;
}

/** Frees every tensor of a tree. */
export function disposeParams(params: Params): void {
  for (const leaf of flattenParams(params).values()) for (const tensor of tensorsOf(leaf)) tensor.dispose();
}
