import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { sha256File } from './files/hash.js';
import { utcTimestamp } from './host/clock.js';
import { BadInput, messageOf } from './host/errors.js';
import { nearestExisting, projectPath } from './host/places.js';

/** A folder that takes everything one run leaves behind. */
export interface Run {
  readonly folder: string;
}

/** A file of a run. */
export function runPath(run: Run, ...parts: string[]): string {
  return join(run.folder, ...parts);
}

function unwritable(folder: string, cause: unknown): BadInput {
  return new BadInput(
    { where: folder, expected: 'a folder that can be written', got: messageOf(cause), fix: 'give another --out' },
    { cause },
  );
}

/** Makes a folder and those above it, one by one: Node's own recursion never ends where a file system takes none (/proc). */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
}

/** What a kill leaves of the first file that is written into a run. */
function isUnfinishedConfiguration(name: string): boolean {
  return /^experiment\.json\..*\.tmp$/.test(name);
}

/**
 * A new run in `out`, or in `runs/<timestamp>`; a folder that holds anything is refused.
 * @throws BadInput when it cannot be made or is not empty.
 */
export function createRun(out?: string): Run {
  const folder = resolve(out ?? projectPath('runs', utcTimestamp()));
  try {
    if (isBegun(folder)) {
      throw new BadInput({
        where: folder,
        expected: 'a new or empty folder',
        got: 'one with files in it',
        fix: 'give another --out',
      });
    }
    accessSync(nearestExisting(folder), constants.W_OK);
    makeFolder(folder);
    for (const name of readdirSync(folder)) rmSync(join(folder, name));
  } catch (error) {
    throw error instanceof BadInput ? error : unwritable(folder, error);
  }
  return { folder };
}

/** Whether there is anything to go on with: not where a kill came before the configuration was written. */
export function isBegun(folder: string): boolean {
  const isFolder = existsSync(folder) && statSync(folder).isDirectory();
  return isFolder && readdirSync(folder).some((name) => !isUnfinishedConfiguration(name));
}

/** A run that is there already. @throws BadInput when the folder holds no `experiment.json`. */
export function openRun(folder: string): Run {
  const run = { folder: resolve(folder) };
  if (existsSync(runPath(run, 'experiment.json'))) return run;
  throw new BadInput({ where: folder, expected: 'a run folder with experiment.json', got: 'none' });
}

/** Moves `latest` in `runs` to a run, in one step; runs elsewhere leave it alone. */
export function moveLatest(run: Run, runs = projectPath('runs')): void {
  if (dirname(run.folder) !== runs) return;
  const temporary = join(runs, `.latest.${process.pid}`);
  rmSync(temporary, { force: true });
  symlinkSync(relative(runs, run.folder), temporary);
  renameSync(temporary, join(runs, 'latest'));
}

/** sha256 of every file of a run but `run.json` itself. */
export function hashFiles(run: Run): Record<string, string> {
  const hashes: Record<string, string> = {};
  for (const entry of readdirSync(run.folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(run.folder, path);
    if (!entry.isFile() || name === 'run.json') continue;
    hashes[name] = sha256File(path);
  }
  return Object.fromEntries(Object.entries(hashes).sort(([a], [b]) => a.localeCompare(b)));
}
