import { constants, existsSync } from 'node:fs';
import { open, rename, rm, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Hash } from 'node:crypto';
import { BadInput } from '../host/errors.js';
import { fileError, syncFolder } from './atomic.js';
import { makeFolder, startByteProgress, startHash } from './hub_cache.js';
import { hubRequest, networkFault, wait, type HubAccess } from './hub_request.js';

/** A file of a repository. */
export interface RemoteFile {
  readonly name: string;
  readonly size: number;
  /** sha256 of the content, or git's sha1 of a small file. */
  readonly hash: string;
}

/** A connection without a byte for so long is broken. */
const silenceMs = 60_000;
/** So many breaks without a single new byte between them are too many. */
const mostBreaks = 5;

/** What of a file is on the disk, and the hash so far. */
interface Partial {
  readonly handle: FileHandle;
  done: number;
  hash: Hash;
}

async function restart(partial: Partial, { hash, size }: RemoteFile): Promise<void> {
  await partial.handle.truncate(0);
  Object.assign(partial, { done: 0, hash: startHash(hash, size) });
}

/** Goes on from what an earlier download left. */
async function reopen(handle: FileHandle, file: RemoteFile, signal: AbortSignal | undefined): Promise<Partial> {
  const partial: Partial = { handle, done: 0, hash: startHash(file.hash, file.size) };
  const { size } = await handle.stat();
  if (size > file.size) {
    await restart(partial, file);
    return partial;
  }
  const chunk = Buffer.allocUnsafe(1 << 20);
  while (partial.done < size) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, partial.done);
    if (bytesRead === 0) break;
    partial.hash.update(chunk.subarray(0, bytesRead));
    partial.done += bytesRead;
  }
  return partial;
}

/** Whether an answer begins where the file on the disk ends; an answer with the whole file begins anew. */
async function aligns(response: Response, partial: Partial, file: RemoteFile): Promise<boolean> {
  if (response.status === 416) {
    await restart(partial, file);
    return false;
  }
  if (response.status !== 206) {
    if (partial.done > 0) await restart(partial, file);
    return true;
  }
  const begin = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1];
  return Number(begin) === partial.done;
}

/** Receives bytes until the answer ends; they are written at their own offset, so that two downloads at once do no harm. */
async function receive(
  response: Response,
  partial: Partial,
  file: RemoteFile,
  onBytes: (n: number) => void,
): Promise<void> {
  // Node's web streams are iterable; the type of the browser's does not say so.
  for await (const chunk of (response.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    const bytes = chunk.subarray(0, file.size - partial.done);
    for (let written = 0; written < bytes.length;) {
      const { bytesWritten } = await partial.handle.write(
        bytes,
        written,
        bytes.length - written,
        partial.done + written,
      );
      written += bytesWritten;
    }
    partial.hash.update(bytes);
    partial.done += bytes.length;
    onBytes(bytes.length);
    if (bytes.length < chunk.length) return;
  }
}

/** One request for what is missing. @returns why it ended before the file did, if so. */
async function transfer(
  access: HubAccess,
  address: string,
  file: RemoteFile,
  partial: Partial,
  onBytes: (n: number) => void,
): Promise<string | undefined> {
  access.signal?.throwIfAborted();
  const connection = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => connection.abort(access.signal?.reason);
  access.signal?.addEventListener('abort', onAbort);
  const headers = { 'accept-encoding': 'identity', ...(partial.done > 0 ? { range: `bytes=${partial.done}-` } : {}) };
  try {
    const response = await hubRequest(access, file.name, address, { headers, signal: connection.signal });
    if (!(await aligns(response, partial, file))) {
      await response.body?.cancel();
      return 'another range than the one asked for';
    }
    timer = setTimeout(() => connection.abort(new Error(`silence of ${silenceMs / 1000} s`)), silenceMs);
    const listen = (n: number): void => {
      timer?.refresh();
      onBytes(n);
    };
    await receive(response, partial, file, listen);
    return 'an end before its time';
  } catch (error) {
    access.signal?.throwIfAborted();
    if (error instanceof BadInput || (error as NodeJS.ErrnoException).syscall === 'write') throw error;
    return networkFault(error);
  } finally {
    clearTimeout(timer);
    access.signal?.removeEventListener('abort', onAbort);
  }
}

/** Asks again for what is missing as long as something comes. */
async function receiveAll(access: HubAccess, address: string, file: RemoteFile, partial: Partial): Promise<void> {
  const progress = startByteProgress(file.name, file.size - partial.done);
  try {
    for (let breaks = 0; partial.done < file.size;) {
      const before = partial.done;
      const fault = await transfer(access, address, file, partial, progress.advance);
      if (partial.done >= file.size) return;
      breaks = partial.done > before ? 0 : breaks + 1;
      if (breaks > mostBreaks) {
        const where = `${access.repository}, ${file.name}`;
        const got = `${partial.done}, then ${fault ?? 'nothing'}`;
        throw new BadInput({
          where,
          expected: `${file.size} bytes from ${access.endpoint}`,
          got,
          fix: 'run it again to go on',
        });
      }
      await wait(breaks * access.patienceMs, access.signal);
    }
  } finally {
    progress.end();
  }
}

async function checkSpace(path: string, missing: number): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(path));
  const free = bavail * bsize;
  if (free >= missing) return;
  const MB = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  const fix = 'free some, or set HF_HUB_CACHE to another disk';
  throw new BadInput({ where: dirname(path), expected: `${MB(missing)} of free disk space`, got: MB(free), fix });
}

/** Fills the unfinished file; what an earlier download left may be wrong, so after it one fresh start is allowed. */
async function fill(access: HubAccess, address: string, file: RemoteFile, path: string): Promise<void> {
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  try {
    const partial = await reopen(handle, file, access.signal);
    const resumed = partial.done > 0;
    await checkSpace(path, file.size - partial.done);
    await receiveAll(access, address, file, partial);
    let digest = partial.hash.digest('hex');
    if (digest !== file.hash && resumed) {
      await restart(partial, file);
      await receiveAll(access, address, file, partial);
      digest = partial.hash.digest('hex');
    }
    if (digest !== file.hash) {
      await rm(path, { force: true });
      const where = `${access.repository}, ${file.name}`;
      const fix = 'what came was thrown away; run it again, or check HF_ENDPOINT';
      throw new BadInput({
        where,
        expected: `content with the hash ${file.hash} from ${access.endpoint}`,
        got: digest,
        fix,
      });
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Downloads a file into the cache's blob: goes on after a break where it stopped, also in a later process, and gives the
 * blob its name once its hash is right. @huggingface/hub's own download does neither.
 * @throws BadInput when the hub refuses or keeps breaking off, the content is wrong, or the disk is full.
 */
export async function downloadBlob(access: HubAccess, address: string, file: RemoteFile, blob: string): Promise<void> {
  const path = `${blob}.incomplete`;
  await makeFolder(dirname(blob));
  try {
    await fill(access, address, file, path);
    await rename(path, blob).catch((error: unknown) => {
      // Another process finished the same file meanwhile.
      if (!existsSync(blob)) throw error;
    });
    await syncFolder(dirname(blob));
  } catch (error) {
    throw fileError(error, path, 'a place to write to');
  }
}
