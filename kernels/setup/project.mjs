// Where set-up puts things: everything stays inside the clone.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the project. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A file or folder of the project. */
export function inRoot(...parts) {
  return join(root, ...parts);
}

/** A file or folder of the engine: TensorFlow, compiled addons, the report of set-up. */
export function inEngine(...parts) {
  return inRoot('.engine', ...parts);
}

/** A file or folder of the Python environment. */
export function inVenv(...parts) {
  return inRoot('.venv', ...parts);
}

/** The package whose native addon set-up compiles. */
export const addonPackage = inRoot('node_modules', '@tensorflow', 'tfjs-node-gpu');

/** Where that package looks for its addon. */
export const installedAddon = join(addonPackage, 'lib', 'napi-v8', 'tfjs_binding.node');
