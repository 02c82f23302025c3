import { openSafetensors, type OpenTensorSource } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import {
  checkEntries,
  denseLeaf,
  load,
  type LeafMaker,
  type PackedEntries,
  type TensorSource,
} from '../tree/params.js';
import type { ParamsOf, Spec } from '../tree/spec.js';

/**
 * What stands before the names of a model in a checkpoint, found by an entry that the model surely has: `vision_model.`,
 * `vision_tower.vision_model.`, `model.vision_tower.timm_model.`, nothing, or whatever else a family put there.
 * @throws BadInput when no entry, or more than one, ends with the anchor.
 */
export function prefixOf(source: Pick<TensorSource, 'where' | 'names'>, anchor: string): string {
  const names = [...source.names()].filter((name) => name === anchor || name.endsWith(`.${anchor}`));
  const [name] = names;
  if (name === undefined || names.length > 1) {
    const got = name === undefined ? 'none' : names.join(', ');
    throw new BadInput({ where: source.where, expected: `one entry ending in ${anchor}`, got });
  }
  return name.slice(0, name.length - anchor.length);
}

/**
 * The parameters of a model from a checkpoint file, index or folder in whatever prefix and dtype it is stored; entries of
 * other models in it are ignored. `leafOf` may keep weights at another precision; `packedIn` knows those that the file holds
 * packed. The caller owns the tensors.
 * @throws BadInput naming the file and the missing, misshapen or damaged entry.
 */
export function loadCheckpoint<S extends Spec>(
  spec: S,
  path: string,
  anchor: string,
  leafOf: LeafMaker = denseLeaf,
  packedIn?: (source: OpenTensorSource) => PackedEntries,
): ParamsOf<S> {
  const source: OpenTensorSource = openSafetensors(path);
  try {
    const prefix = prefixOf(source, anchor);
    return load(spec, source, (name) => prefix + name, leafOf, packedIn?.(source));
  } finally {
    source.close();
  }
}

/**
 * Checks the names and shapes of a model in a checkpoint against its spec by the files' headers alone.
 * @throws BadInput as loadCheckpoint does.
 */
export function checkCheckpoint(spec: Spec, path: string, anchor: string): void {
  const source = openSafetensors(path);
  try {
    const prefix = prefixOf(source, anchor);
    checkEntries(spec, source, (name) => prefix + name);
  } finally {
    source.close();
  }
}
