import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileError, syncFolder } from './atomic.js';

/**
 * Makes a folder that under its final name is always whole: `fill` writes into a hidden one beside it (each file to the
 * disk, as writeFileAtomic does), which is then renamed. Parents are made, `path` itself must not exist.
 * @throws BadInput when the place cannot be written to or the disk is full.
 */
export async function writeFolderAtomic(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const parent = dirname(path);
  const temporary = join(parent, `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    await syncFolder(temporary);
    await rename(temporary, path);
    await syncFolder(parent);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw fileError(error, path, 'a place to write to');
  }
}

/**
 * Removes a folder so that under its name it is there as a whole or not at all.
 * @throws BadInput when the place cannot be written to.
 */
export async function removeFolderAtomic(path: string): Promise<void> {
  const hidden = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    await rename(path, hidden);
    await rm(hidden, { recursive: true, force: true });
  } catch (error) {
    throw fileError(error, path, 'a folder that can be removed');
  }
}

/** Removes every file and folder below one whose writing or removal was cut off; nothing may be writing there. */
export async function removeUnfinishedBelow(folder: string): Promise<void> {
  const unfinished = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/;
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const path = join(folder, entry.name);
    if (unfinished.test(entry.name)) await rm(path, { recursive: true, force: true });
    else if (entry.isDirectory()) await removeUnfinishedBelow(path);
  }
}

/** Removes what {@link writeFolderAtomic} or {@link removeFolderAtomic} left behind in a folder when its process was killed. */
export async function removeUnfinished(parent: string): Promise<void> {
  const names = await readdir(parent).catch(() => []);
  for (const name of names) {
    if (/^\..*\.tmp$/.test(name)) await rm(join(parent, name), { recursive: true, force: true });
  }
}
