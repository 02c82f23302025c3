import { float32Data, writeSafetensors, type TensorData } from '../files/safetensors.js';
import type { Leaf } from '../tree/leaf.js';
import { toFile } from '../tree/layout.js';
import { flattenParams } from '../tree/params.js';
import { flattenSpec, type Params, type ParamSpec, type Spec } from '../tree/spec.js';

/** A dense leaf in the layout of the checkpoint. @throws Error for a leaf of another kind. */
export function denseEntry(path: string, leaf: Leaf, { shape, layout }: ParamSpec): TensorData {
  if (leaf.kind !== 'dense') throw new Error(`${path} is a ${leaf.kind} leaf; merge it first`);
  return float32Data(toFile(leaf.value, layout), shape);
}

/** The dense leaves of a tree under their paths, in the layout of the checkpoint. */
export function paramEntries(params: Params, spec: Spec): Map<string, TensorData> {
  const specs = flattenSpec(spec);
  const entries = new Map<string, TensorData>();
  for (const [path, leaf] of flattenParams(params)) {
    const found = specs.get(path);
    if (found === undefined) throw new Error(`${path} is not in the spec`);
    entries.set(path, denseEntry(path, leaf, found));
  }
  return entries;
}

/** Writes a tree without adapters as a checkpoint that `load` reads again. */
export async function saveParams(path: string, params: Params, spec: Spec): Promise<void> {
  await writeSafetensors(path, paramEntries(params, spec), { format: 'pt' });
}
