import { basename } from 'node:path';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { withByteFile, type ByteFile } from './byte_file.js';
import { chunksOf, type Chunk } from './riff.js';

/** An AVI file by its index; no file stays open. */
export interface Avi {
  /** Frames of the video stream that the file really holds, whatever its header says; dropped ones count. */
  readonly frames: number;
  readonly width: number;
  readonly height: number;
  /** By the header; NaN where it has none. */
  readonly fps: number;
  /** FourCC of the compression in capitals, e.g. `MJPG`, `H264`; `DIB` where there is none. */
  readonly codec: string;
  /** Whether the frames are JPEG images. */
  readonly isMotionJpeg: boolean;
  /** Number of a frame among those that are stored: a dropped frame counts as the one it repeats. */
  storedIndex(frame: number): number;
  /** The bytes of a frame (0-based); a dropped one gives the former frame's. */
  readFrame(frame: number): Buffer;
}

/** Frames of a cine are counted in thousands; a file that claims more than this is not one. */
const mostFrames = 1_000_000;
const largestFrame = 64 * 1024 * 1024;
const motionJpeg = new Set(['MJPG', 'JPEG', 'JPGL', 'AVRN', 'AVDJ', 'DMB1']);

interface Stream {
  readonly number: number;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly codec: string;
}

/** Offsets and sizes of the payloads of a stream's frames. */
interface Index {
  readonly starts: number[];
  readonly sizes: number[];
}

/** What a file that is no AVI seems to be, by its first bytes. */
export function describeStart(bytes: Buffer): string {
  const text = bytes.toString('latin1', 0, 16);
  if (bytes.length === 0) return 'an empty file';
  if (bytes.every((byte) => byte === 0)) return 'zero bytes';
  if (text.startsWith('#EXTM3U') || text.startsWith('ffconcat') || text.startsWith('[playlist]')) return 'a play list';
  if (text.startsWith('RIFF')) return `a RIFF file of type "${printable(text.slice(8, 12))}"`;
  if (text.slice(4, 8) === 'ftyp') return 'an MP4 file';
  if (text.startsWith('\x1aE\xdf\xa3')) return 'a Matroska file';
  if (text.startsWith('\xff\xd8')) return 'a JPEG image';
  if (bytes.toString('latin1', 128, 132) === 'DICM') return 'a DICOM file';
  if (text.startsWith('\x02\0\0\0UL')) return 'a DICOM file without the 128 bytes and "DICM" that begin one';
  if (text.startsWith('\x89PNG')) return 'a PNG image';
  if (text.startsWith('GIF8')) return 'a GIF image';
  if (text.startsWith('PK\x03\x04')) return 'a ZIP file';
  return `bytes that begin with "${printable(text)}"`;
}

/** Whether a file that begins so is an AVI file (its first 12 bytes tell). */
export function isAvi(start: Buffer): boolean {
  return start.toString('latin1', 0, 4) === 'RIFF' && start.toString('latin1', 8, 12) === 'AVI ';
}

function riffsOf(file: ByteFile, where: string): Chunk[] {
  const head = file.read(0, 132);
  if (!isAvi(head)) throw new BadInput({ where, expected: 'an AVI file (RIFF … AVI)', got: describeStart(head) });
  const declared = head.readUInt32LE(4);
  // A recorder that was stopped leaves the size 0 or −1; a pad byte at the end may be missing.
  const unfinished = declared === 0 || declared === 0xffffffff;
  if (!unfinished && 8 + declared > file.size + 1) {
    throw new BadInput({
      where,
      expected: `${8 + declared} bytes, as its header says`,
      got: `${file.size}`,
      fix: 'it was cut short: copy it again',
    });
  }
  if (unfinished) return [{ id: 'RIFF', type: 'AVI ', start: 12, size: file.size - 12 }];
  const riffs: Chunk[] = [];
  for (const chunk of chunksOf(file, 0, file.size)) {
    if (chunk.id !== 'RIFF' || (riffs.length > 0 && chunk.type !== 'AVIX')) break;
    riffs.push(chunk);
  }
  return riffs;
}

const endOf = (chunk: Chunk): number => chunk.start + chunk.size;

function listIn(file: ByteFile, parent: Chunk, type: string): Chunk | undefined {
  for (const chunk of chunksOf(file, parent.start, endOf(parent))) if (chunk.type === type) return chunk;
  return undefined;
}

function fourCC(bytes: Buffer, offset: number): string {
  return bytes
    .toString('latin1', offset, offset + 4)
    .replace(/[\0 ]+$/, '')
    .toUpperCase();
}

function streamOf(file: ByteFile, list: Chunk, number: number): Stream | undefined {
  const parts = new Map([...chunksOf(file, list.start, endOf(list))].map((chunk) => [chunk.id, chunk]));
  const [strh, strf] = [parts.get('strh'), parts.get('strf')];
  if (strh === undefined || strf === undefined || strh.size < 28 || strf.size < 20) return undefined;
  const header = file.read(strh.start, 28);
  const format = file.read(strf.start, 20);
  if (header.toString('latin1', 0, 4) !== 'vids') return undefined;
  const [scale, rate] = [header.readUInt32LE(20), header.readUInt32LE(24)];
  return {
    number,
    width: format.readInt32LE(4),
    height: Math.abs(format.readInt32LE(8)),
    fps: scale > 0 && rate > 0 ? rate / scale : NaN,
    codec: fourCC(format, 16) || fourCC(header, 4) || 'DIB',
  };
}

/** The first video stream. */
function videoStream(file: ByteFile, riff: Chunk, where: string): Stream {
  const headers = listIn(file, riff, 'hdrl');
  let number = 0;
  for (const chunk of headers === undefined ? [] : chunksOf(file, headers.start, endOf(headers))) {
    if (chunk.type !== 'strl') continue;
    const stream = streamOf(file, chunk, number++);
    if (stream !== undefined) return stream;
  }
  throw new BadInput({ where, expected: 'a video stream in the header of the AVI file', got: 'none' });
}

/** Whether a chunk holds a frame of a stream: `00dc` compressed, `00db` not. */
function isFrame(id: string, stream: number): boolean {
  return id.slice(0, 2) === String(stream).padStart(2, '0') && (id.endsWith('dc') || id.endsWith('db'));
}

function addFrame(index: Index, start: number, size: number, where: string): void {
  if (index.starts.length >= mostFrames) {
    throw new BadInput({ where, expected: `at most ${mostFrames} frames`, got: 'more' });
  }
  index.starts.push(start);
  index.sizes.push(size);
}

function walkMovie(file: ByteFile, movie: Chunk, stream: number, index: Index, where: string): void {
  for (const chunk of chunksOf(file, movie.start, endOf(movie))) {
    if (chunk.type === 'rec ') {
      for (const inner of chunksOf(file, chunk.start, endOf(chunk))) {
        if (isFrame(inner.id, stream)) addFrame(index, inner.start, inner.size, where);
      }
    } else if (isFrame(chunk.id, stream)) {
      addFrame(index, chunk.start, chunk.size, where);
    }
  }
}

/** Whether a chunk of this stream and size really stands before the payload. */
function standsAt(file: ByteFile, start: number, size: number, stream: number): boolean {
  const header = file.read(start - 8, 8);
  return header.length === 8 && isFrame(header.toString('latin1', 0, 4), stream) && header.readUInt32LE(4) === size;
}

/**
 * The frames by the index `idx1`, or nothing where it is missing or wrong. Its offsets count from the list type `movi`
 * (as the format's documentation has it) or from the start of the file (as some writers do).
 */
function readIndex(file: ByteFile, riff: Chunk, movie: Chunk, stream: number, where: string): Index | undefined {
  const idx1 = [...chunksOf(file, endOf(movie) + (movie.size % 2), endOf(riff))].find(({ id }) => id === 'idx1');
  if (idx1 === undefined) return undefined;
  const entries = file.read(idx1.start, Math.min(idx1.size, 16 * mostFrames));
  for (const base of [movie.start - 4, 0]) {
    const index: Index = { starts: [], sizes: [] };
    for (let at = 0; at + 16 <= entries.length; at += 16) {
      if (!isFrame(entries.toString('latin1', at, at + 4), stream)) continue;
      addFrame(index, base + entries.readUInt32LE(at + 8) + 8, entries.readUInt32LE(at + 12), where);
    }
    const { starts, sizes } = index;
    const inside = starts.every((start, i) => start >= movie.start + 8 && start + (sizes[i] ?? 0) <= endOf(movie));
    const ends = starts.length === 0 ? [] : [0, starts.length - 1];
    if (inside && ends.length > 0 && ends.every((i) => standsAt(file, starts[i] ?? 0, sizes[i] ?? 0, stream))) {
      return index;
    }
  }
  return undefined;
}

function indexOf(file: ByteFile, riffs: readonly Chunk[], stream: number, where: string): Index {
  const all: Index = { starts: [], sizes: [] };
  riffs.forEach((riff, i) => {
    const movie = listIn(file, riff, 'movi');
    if (movie === undefined) return;
    const index = i === 0 ? readIndex(file, riff, movie, stream, where) : undefined;
    if (index === undefined) walkMovie(file, movie, stream, all, where);
    else index.starts.forEach((start, frame) => addFrame(all, start, index.sizes[frame] ?? 0, where));
  });
  return all;
}

/**
 * For each frame the frame whose bytes show it (itself, or the last one before it that was not dropped; −1 where none is)
 * and that one's number among the stored ones.
 */
function storedFrames(sizes: readonly number[]): { source: Int32Array; rank: Int32Array } {
  const source = new Int32Array(sizes.length);
  const rank = new Int32Array(sizes.length);
  let last = -1;
  let count = 0;
  sizes.forEach((size, frame) => {
    if (size > 0) {
      last = frame;
      count += 1;
    }
    source[frame] = last;
    rank[frame] = count - 1;
  });
  return { source, rank };
}

/**
 * Opens an AVI file (RIFF, with OpenDML's `AVIX` continuation) by its header and index, without decoding anything; a file
 * that is none, is cut short or holds no frame is {@link BadInput}.
 */
export function openAvi(path: string): Avi {
  const where = printable(basename(path));
  const { stream, index } = withByteFile(path, (file) => {
    const riffs = riffsOf(file, where);
    const found = videoStream(file, riffs[0] as Chunk, where);
    return { stream: found, index: indexOf(file, riffs, found.number, where) };
  });
  const { starts, sizes } = index;
  const { source, rank } = storedFrames(sizes);
  if ((source.at(-1) ?? -1) < 0) throw new BadInput({ where, expected: 'frames of the video stream', got: 'none' });
  const at = (frame: number): number => {
    const found = source[frame];
    if (found !== undefined && found >= 0) return found;
    const got = found === undefined ? `frame ${frame}` : `a dropped frame ${frame} that nothing precedes`;
    throw new BadInput({ where, expected: `a frame from 0 to ${sizes.length - 1}`, got });
  };
  return {
    frames: sizes.length,
    width: stream.width,
    height: stream.height,
    fps: stream.fps,
    codec: stream.codec,
    isMotionJpeg: motionJpeg.has(stream.codec),
    storedIndex: (frame) => rank[at(frame)] as number,
    readFrame(frame) {
      const stored = at(frame);
      const [start, size] = [starts[stored] as number, sizes[stored] as number];
      if (size > largestFrame) throw new BadInput({ where, expected: 'frames below 64 MB', got: `${size} bytes` });
      return withByteFile(path, (file) => {
        if (standsAt(file, start, size, stream.number)) return file.read(start, size);
        throw new BadInput({ where, expected: `frame ${frame} where the index says`, got: 'something else there' });
      });
    },
  };
}
