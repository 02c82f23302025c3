import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openSafetensors, type OpenTensorSource } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { failure, type Comparison } from './compare.js';

/** Replays a case folder; `name` stands before the names of its files. */
export type Replay = (folder: string, name: string) => Comparison[] | Promise<Comparison[]>;

/** Opens a golden file, or a folder that is a checkpoint, for the time of `work`. */
export function withFile<T>(path: string, work: (file: OpenTensorSource) => T): T {
  const file = openSafetensors(path);
  try {
    return work(file);
  } finally {
    file.close();
  }
}

/** A check of one file that turns damaged input into a failed comparison. */
export function attempt(name: string, work: () => Comparison): Comparison {
  try {
    return work();
  } catch (error) {
    if (error instanceof BadInput) return failure(name, error.message);
    throw error;
  }
}

/**
 * A path that a case names relative to the golden root, which is the nearest folder above the case that has it.
 * @throws BadInput when none has.
 */
export function besideCase(folder: string, path: string): string {
  for (let root = dirname(folder); ; root = dirname(root)) {
    const found = join(root, path);
    if (existsSync(found)) return found;
    if (root !== dirname(root)) continue;
    throw new BadInput({ where: folder, expected: `${path} in a folder above it`, got: 'none' });
  }
}
