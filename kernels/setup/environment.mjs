// What every process of the project starts with (the list is the library's: lib/src/engine/environment.json).
import { readFileSync } from 'node:fs';
import { inEngine, inRoot } from './project.mjs';

/** Variables that have to stand before TensorFlow loads. */
export const engineEnvironment = JSON.parse(readFileSync(inRoot('lib', 'src', 'engine', 'environment.json'), 'utf8'));

/** The environment of a process of the project: the defaults, under what the user set. */
export function processEnvironment(extra = {}) {
  return { ...engineEnvironment, ...process.env, ...extra };
}

/** The environment of set-up's own tools: caches and temporary files inside the clone unless the user named others. */
export function toolEnvironment(extra = {}) {
  return {
    npm_config_cache: inEngine('tmp', 'npm'),
    PIP_NO_CACHE_DIR: process.env.PIP_CACHE_DIR === undefined ? '1' : '',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    XDG_CACHE_HOME: inEngine('tmp', 'cache'),
    ZIG_GLOBAL_CACHE_DIR: inEngine('tmp', 'zig'),
    ZIG_LOCAL_CACHE_DIR: inEngine('tmp', 'zig'),
    ...process.env,
    TMPDIR: inEngine('tmp'),
    ...extra,
  };
}
