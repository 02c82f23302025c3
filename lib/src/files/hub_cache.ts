import { createHash, randomUUID, type Hash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { copyFile, mkdir, rename, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { getHFHubCachePath, getRepoFolderName } from '@huggingface/hub';
import { startProgress } from '../host/progress.js';
import { fileError, writeFileAtomic } from './atomic.js';

/**
 * The folder of a repository in the cache that all tools of the hub share (`HF_HUB_CACHE`, `HF_HOME`, else
 * `~/.cache/huggingface/hub`): `blobs/<hash>`, `snapshots/<commit>/<file>` as links to them, `refs/<revision>` with a commit.
 */
export function repositoryFolder(repository: string): string {
  return join(getHFHubCachePath(), getRepoFolderName({ type: 'model', name: repository }));
}

export function snapshotFolder(repository: string, commit: string): string {
  return join(repositoryFolder(repository), 'snapshots', commit);
}

export function blobPath(repository: string, hash: string): string {
  return join(repositoryFolder(repository), 'blobs', hash);
}

/** The snapshots of a repository in the cache: that of the revision first, then the others, newest first. */
export function snapshotsOf(repository: string, revision: string): string[] {
  const folder = repositoryFolder(repository);
  const reference = join(folder, 'refs', revision);
  const current = existsSync(reference) ? readFileSync(reference, 'utf8').trim() : undefined;
  const snapshots = join(folder, 'snapshots');
  const age = (commit: string): number => -statSync(join(snapshots, commit)).mtimeMs;
  const commits = existsSync(snapshots) ? readdirSync(snapshots).sort((a, b) => age(a) - age(b)) : [];
  const ordered = [
    ...commits.filter((commit) => commit === current),
    ...commits.filter((commit) => commit !== current),
  ];
  return ordered.map((commit) => join(snapshots, commit));
}

/** A hash as the hub names files by it: sha256 of large files, git's sha1 of small ones. */
export function startHash(hash: string, size: number): Hash {
  return hash.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}

/** The name of the blob behind a file of a snapshot where it is a hash; undefined in caches without links. */
export function blobHash(path: string): string | undefined {
  const name = basename(realpathSync(path));
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(name) ? name : undefined;
}

/** Whether the content of a file has a hash; `advance` is told the bytes read. */
export async function hasHash(
  path: string,
  hash: string,
  advance: (bytes: number) => void,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const state = startHash(hash, statSync(path).size);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    state.update(chunk as Buffer);
    advance((chunk as Buffer).length);
  }
  return state.digest('hex') === hash;
}

/** Progress of bytes, shown in whole MB; less than one is not worth a line. */
export function startByteProgress(label: string, total: number): { advance(bytes: number): void; end(): void } {
  const whole = (bytes: number): number => Math.floor(bytes / 1e6);
  const progress = whole(total) > 0 ? startProgress(`${label} (MB)`, whole(total)) : undefined;
  let done = 0;
  return {
    advance(bytes) {
      progress?.advance(whole(done + bytes) - whole(done));
      done += bytes;
    },
    end() {
      progress?.end();
    },
  };
}

/** Makes a folder in the cache. @throws BadInput when it cannot be made. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError(error, folder, 'a cache folder that can be written (HF_HUB_CACHE)');
  }
}

/** Puts a blob into a snapshot under the file's name, as a relative link, or as a copy where links are not allowed. */
export async function linkBlob(blob: string, path: string): Promise<void> {
  await makeFolder(dirname(path));
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await symlink(relative(dirname(path), blob), temporary).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPERM') throw error;
      await copyFile(blob, temporary);
    });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw fileError(error, path, 'a place to write to');
  }
}

/** Notes which commit a revision is. */
export async function writeReference(repository: string, revision: string, commit: string): Promise<void> {
  const path = join(repositoryFolder(repository), 'refs', revision);
  await makeFolder(dirname(path));
  await writeFileAtomic(path, commit);
}
