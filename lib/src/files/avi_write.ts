import { encodeGreyJpeg } from './jpeg_grey.js';

/** A grey clip: its frames, each `[H·W]`, and what the header says of them. */
export interface GreyClip {
  readonly width: number;
  readonly height: number;
  /** Frames a second. */
  readonly fps: number;
  readonly frames: Iterable<Uint8Array>;
  /** JPEG quality 1 … 100. */
  readonly quality: number;
}

const HAS_INDEX = 0x10;
const KEY_FRAME = 0x10;

function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32LE(value, 4 * i));
  return bytes;
}

/** A RIFF chunk, padded to even length. */
function chunk(id: string, ...parts: Uint8Array[]): Buffer {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.from(id, 'latin1'), words(size), ...parts, Buffer.alloc(size & 1)]);
}

function list(kind: string, ...chunks: Uint8Array[]): Buffer {
  return chunk('LIST', Buffer.from(kind, 'latin1'), ...chunks);
}

function headers({ width, height, fps }: GreyClip, frames: number, largest: number): Buffer {
  const microseconds = Math.round(1e6 / fps);
  const rate = Math.round(1000 * fps);
  const size = Buffer.alloc(4);
  size.writeUInt16LE(width, 0);
  size.writeUInt16LE(height, 2);
  const planesAndBits = 1 | (24 << 16);
  const main = words(microseconds, 0, 0, HAS_INDEX, frames, 0, 1, largest, width, height, 0, 0, 0, 0);
  const kind = Buffer.from('vidsMJPG', 'latin1');
  const stream = Buffer.concat([kind, words(0, 0, 0, 1000, rate, 0, frames, largest, 0xffffffff, 0, 0), size]);
  const bitmap = Buffer.concat([
    words(40, width, height, planesAndBits),
    Buffer.from('MJPG', 'latin1'),
    words(width * height * 3, 0, 0, 0, 0),
  ]);
  return list('hdrl', chunk('avih', main), list('strl', chunk('strh', stream), chunk('strf', bitmap)));
}

/** A Motion-JPEG AVI with its index (`idx1`), grey stored as three components; the file format of EchoNet-Dynamic. */
export function encodeMjpegAvi(clip: GreyClip): Uint8Array {
  const { width, height, quality } = clip;
  const pictures = Array.from(clip.frames, (frame) => chunk('00dc', encodeGreyJpeg(frame, width, height, quality)));
  const sizes = pictures.map((picture) => picture.readUInt32LE(4));
  let offset = 4;
  const entries = pictures.map((picture, i) => {
    const entry = Buffer.concat([Buffer.from('00dc', 'latin1'), words(KEY_FRAME, offset, sizes[i] as number)]);
    offset += picture.length;
    return entry;
  });
  const parts = [
    headers(clip, pictures.length, Math.max(0, ...sizes)),
    list('movi', ...pictures),
    chunk('idx1', ...entries),
  ];
  return chunk('RIFF', Buffer.from('AVI ', 'latin1'), ...parts);
}
