import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The root of the project: the folder above `lib/`, where `data-manifests/` and `notebooks/` stand. */
export const projectRoot: string = resolve(__dirname, '..', '..', '..');

/** A file or folder of the project, e.g. `projectPath('data-manifests', 'schemas')`. */
export function projectPath(...parts: string[]): string {
  return join(projectRoot, ...parts);
}

/** Where generated things that can be made again live (phantoms, features): `NCORE_CACHE`, else `.cache/`. */
export function cachePath(...parts: string[]): string {
  return join(process.env['NCORE_CACHE'] ?? projectPath('.cache'), ...parts);
}

/** The nearest folder at or above `start` that exists; free space is asked of it. */
export function nearestExisting(start: string): string {
  let folder = resolve(start);
  while (!existsSync(folder)) folder = dirname(folder);
  return folder;
}
