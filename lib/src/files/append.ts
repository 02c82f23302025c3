import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { fileError } from './atomic.js';

/** A file that grows at its end; what was appended outlives the process, what was synced a power cut too. */
export interface AppendFile {
  /** @throws BadInput when the disk is full. */
  append(content: string | Uint8Array): void;
  sync(): void;
  close(): void;
}

/** Opens a file to append to, made where it is missing. @throws BadInput when it cannot be written to. */
export function openToAppend(path: string): AppendFile {
  const expected = 'a file to append to';
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw fileError(error, path, expected);
    }
  };
  const file = attempt(() => openSync(path, 'a'));
  return {
    append(content) {
      const bytes = Buffer.from(content);
      attempt(() => {
        for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
      });
    },
    sync: () => attempt(() => fsyncSync(file)),
    close: () => closeSync(file),
  };
}
