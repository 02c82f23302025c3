import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
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

/** A system error about a file (`ENOENT`, `EACCES`, …) as {@link BadInput}; anything else as it is. */
export function unreadable(path: string, error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  const where = printable(basename(path));
  return new BadInput({ where, expected: 'a file that can be read', got: String(error.code) }, { cause: error });
}

/** Bytes in memory read as a file is. */
export function bytesAsFile(bytes: Buffer): ByteFile {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

function openToRead(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Opens a file for the time of `work`; one that cannot be opened is {@link BadInput}. */
export function withByteFile<T>(path: string, work: (file: ByteFile) => T): T {
  const descriptor = openToRead(path);
  try {
    const { size } = fstatSync(descriptor);
    const load = (offset: number, length: number): Buffer => {
      const wanted = Math.max(0, Math.min(length, size - offset));
      const bytes = Buffer.allocUnsafe(wanted);
      return bytes.subarray(0, wanted > 0 ? readSync(descriptor, bytes, 0, wanted, offset) : 0);
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
