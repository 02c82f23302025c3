// A stamp stands inside what it describes and names the inputs it was made from: it goes when that goes.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A short name for any values (of strings, numbers, arrays of them). */
export function hashOf(...values) {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex').slice(0, 16);
}

/** A short name for the contents of files and, recursively, folders; a missing one counts as such. */
export function hashFiles(...paths) {
  const hash = createHash('sha256');
  for (const path of paths) addTo(hash, path);
  return hash.digest('hex').slice(0, 16);
}

function addTo(hash, path) {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    hash.update('missing\0');
  } else if (found.isDirectory()) {
    for (const name of readdirSync(path).sort()) {
      if (name === '__pycache__' || name.startsWith('.')) continue;
      hash.update(`${name}\0`);
      addTo(hash, join(path, name));
    }
  } else {
    hash.update(readFileSync(path)).update('\0');
  }
}

/** The stamp at `path`, or undefined. */
export function readStamp(path) {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Writes JSON so that the file is whole under its name. */
export function writeJson(path, value) {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`);
  renameSync(temporary, path);
}
