import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BadInput } from '../host/errors.js';

/** What a file is written from: all at once, or piece by piece. */
export type Content = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

const explained: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'a read-only file system',
  ENOENT: 'no such folder',
  ENOTDIR: 'a path through something that is not a folder',
  EISDIR: 'a folder',
  ENAMETOOLONG: 'a name that is too long',
  ELOOP: 'links that lead nowhere',
  ENOSPC: 'a full disk',
  EDQUOT: 'an exhausted quota',
  EFBIG: 'a limit of file sizes',
};

/** The error of a file system call on `path` as {@link BadInput} where a person can mend it, else itself. */
export function fileError(error: unknown, path: string, expected: string): unknown {
  const got = explained[(error as NodeJS.ErrnoException).code ?? ''];
  return got === undefined ? error : new BadInput({ where: path, expected, got }, { cause: error });
}

/** Brings a folder's entries to the disk: what was renamed into it is then there after a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeAndSync(path: string, content: Content): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    const pieces = typeof content === 'string' || content instanceof Uint8Array ? [content] : content;
    for await (const piece of pieces) await handle.writeFile(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a file that under its final name is always whole: to a temporary name beside it, to the disk, then renamed.
 * @throws BadInput when the folder is missing or cannot be written to, or the disk is full.
 */
export async function writeFileAtomic(path: string, content: Content): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await writeAndSync(temporary, content);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileError(error, path, 'a place to write to');
  }
}
