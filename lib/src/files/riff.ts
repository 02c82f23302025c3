import type { ByteFile } from './byte_file.js';

/** A chunk of a RIFF file; a list's `type` is the first four bytes of its payload, which `start` and `size` leave out. */
export interface Chunk {
  readonly id: string;
  readonly type: string | null;
  /** Offset of the payload. */
  readonly start: number;
  readonly size: number;
}

/**
 * The chunks between two offsets, in order. A list that reaches beyond `end` is cut there (an unfinished recording);
 * any other chunk that does ends the walk.
 */
export function* chunksOf(file: ByteFile, from: number, end: number): Generator<Chunk> {
  let at = from;
  while (at + 8 <= end) {
    const header = file.read(at, 12);
    if (header.length < 8) return;
    const id = header.toString('latin1', 0, 4);
    const size = header.readUInt32LE(4);
    const payload = at + 8;
    const isList = (id === 'LIST' || id === 'RIFF') && header.length === 12;
    if (isList) {
      const stop = Math.min(payload + size, end);
      yield { id, type: header.toString('latin1', 8, 12), start: payload + 4, size: Math.max(0, stop - payload - 4) };
    } else if (payload + size > end) {
      return;
    } else {
      yield { id, type: null, start: payload, size };
    }
    at = payload + size + (size % 2);
  }
}
