import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';

const windowSize = 16384;

/** A file open for reading at any offset; small reads are served from a window of 16 KB, so that walking headers is cheap. */
export interface ByteFile {
  readonly size: number;
  /** The bytes at an offset, fewer where the file ends; never allocates more than the file holds. */
  read(offset: number, length: number): Buffer;
}

const systemErrors: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  ENOENT: 'nothing of that name',
  ELOOP: 'a circle of links',
  EIO: 'an error of the disk',
};

/** A system error about a file (`ENOENT`, `EACCES`, …) as {@link BadInput}; anything else as it is. */
export function unreadable(path: string, error: unknown, what: 'file' | 'folder' = 'file'): unknown {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  const where = printable(basename(path));
  const code = String(error.code);
  const got = systemErrors[code] === undefined ? code : `${code} (${systemErrors[code]})`;
  return new BadInput({ where, expected: `a ${what} that can be read`, got }, { cause: error });
}

/** Bytes in memory read as a file is. */
export function bytesAsFile(bytes: Buffer): ByteFile {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

/** What only works on files as it should: without O_NONBLOCK, opening a pipe would wait for whoever writes to it. */
const flags = constants.O_RDONLY | constants.O_NONBLOCK;

function openToRead(path: string): number {
  try {
    return openSync(path, flags);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Size of an open file. @throws BadInput for a folder, a pipe or a device. */
function sizeOf(descriptor: number, path: string): number {
  const entry = fstatSync(descriptor);
  if (entry.isFile()) return entry.size;
  const got = entry.isDirectory() ? 'a folder' : 'a pipe or device';
  throw new BadInput({ where: printable(basename(path)), expected: 'a file', got });
}

function readAt(descriptor: number, bytes: Buffer, offset: number, path: string): number {
  try {
    return readSync(descriptor, bytes, 0, bytes.length, offset);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Opens a file for the time of `work`; what is none or cannot be read is {@link BadInput}. */
export function withByteFile<T>(path: string, work: (file: ByteFile) => T): T {
  const descriptor = openToRead(path);
  try {
    const size = sizeOf(descriptor, path);
    const load = (offset: number, length: number): Buffer => {
      const wanted = Math.max(0, Math.min(length, size - offset));
      const bytes = Buffer.allocUnsafe(wanted);
      return bytes.subarray(0, wanted > 0 ? readAt(descriptor, bytes, offset, path) : 0);
    };
    let start = 0;
    let window = Buffer.alloc(0);
    const read = (offset: number, length: number): Buffer => {
      if (length > windowSize) return load(offset, length);
      if (offset < start || offset + length > start + window.length) {
        start = offset;
        window = load(offset, windowSize);
      }
      return window.subarray(offset - start, offset - start + length);
    };
    return work({ size, read });
  } finally {
    closeSync(descriptor);
  }
}
