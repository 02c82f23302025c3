import { openSafetensors, type OpenTensorSource } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { failure, type Comparison } from './compare.js';

/** Replays a case folder; `name` stands before the names of its files. */
export type Replay = (folder: string, name: string) => Comparison[];

/** Opens a golden file for the time of `work`. */
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
