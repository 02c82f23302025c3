import jpeg from 'jpeg-js';

/** What a test wants of an AVI file; by default one that a common writer would make. */
export interface AviOptions {
  readonly width?: number;
  readonly height?: number;
  readonly fps?: number;
  readonly codec?: string;
  /** Offsets in `idx1`: from the list type `movi`, from the start of the file, or no index at all. */
  readonly index?: 'movi' | 'file' | 'none';
  /** Frames in an OpenDML continuation (`AVIX`). */
  readonly continuation?: readonly Buffer[];
  /** Puts the frames into `rec ` lists. */
  readonly records?: boolean;
  /** A first stream that is no video. */
  readonly withSound?: boolean;
  /** Frames the header claims. */
  readonly claimedFrames?: number;
  readonly riffSize?: number;
}

function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32LE(value >>> 0, 4 * i));
  return bytes;
}

export function chunk(id: string, payload: Buffer): Buffer {
  const pad = Buffer.alloc(payload.length % 2);
  return Buffer.concat([Buffer.from(id, 'latin1'), uint32(payload.length), payload, pad]);
}

export function list(type: string, ...chunks: Buffer[]): Buffer {
  return chunk('LIST', Buffer.concat([Buffer.from(type, 'latin1'), ...chunks]));
}

function stream(kind: 'vids' | 'auds', { width = 16, height = 16, fps = 50, codec = 'MJPG' }: AviOptions): Buffer {
  const fourCC = Buffer.from(codec.padEnd(4, '\0'), 'latin1');
  const header = Buffer.concat([
    Buffer.from(kind, 'latin1'),
    fourCC,
    uint32(0, 0, 0, 1, fps, 0, 0, 0, 0, 0),
    uint32(0, 0),
  ]);
  const format = Buffer.concat([
    uint32(40, width, height, (24 << 16) | 1),
    fourCC,
    uint32(width * height * 3, 0, 0, 0, 0),
  ]);
  return list('strl', chunk('strh', header), chunk('strf', format));
}

/** An AVI file of the given frames (each the bytes of one chunk; an empty one is a dropped frame). */
export function aviFile(frames: readonly Buffer[], options: AviOptions = {}): Buffer {
  const { index = 'movi', continuation, records = false, withSound = false } = options;
  const id = withSound ? '01dc' : '00dc';
  const claimed = options.claimedFrames ?? frames.length;
  const main = uint32(
    20000,
    0,
    0,
    16,
    claimed,
    0,
    withSound ? 2 : 1,
    0,
    options.width ?? 16,
    options.height ?? 16,
    0,
    0,
    0,
    0,
  );
  const streams = [...(withSound ? [stream('auds', options)] : []), stream('vids', options)];
  const headers = list('hdrl', chunk('avih', main), ...streams);
  // Words that only a search for them would take for a frame.
  const junk = chunk('JUNK', Buffer.from('00dc\x10\0\0\0 nothing to see here ', 'latin1'));
  const moviAt = 12 + headers.length + junk.length + 8;
  const chunks = frames.map((frame) => {
    const sound = withSound ? chunk('00wb', Buffer.from('abc')) : Buffer.alloc(0);
    const both = Buffer.concat([sound, chunk(id, frame)]);
    return records ? list('rec ', both) : both;
  });
  let at = 4;
  const entries = chunks.map((bytes, i) => {
    const offset = at + bytes.length - chunk(id, frames[i]!).length + (index === 'file' ? moviAt : 0);
    at += bytes.length;
    return Buffer.concat([Buffer.from(id, 'latin1'), uint32(16, offset, frames[i]!.length)]);
  });
  const idx1 = index === 'none' ? Buffer.alloc(0) : chunk('idx1', Buffer.concat(entries));
  const body = Buffer.concat([Buffer.from('AVI '), headers, junk, list('movi', ...chunks), idx1]);
  const riff = Buffer.concat([Buffer.from('RIFF'), uint32(options.riffSize ?? body.length), body]);
  if (continuation === undefined) return riff;
  const more = list('movi', ...continuation.map((frame) => chunk(id, frame)));
  return Buffer.concat([riff, chunk('RIFF', Buffer.concat([Buffer.from('AVIX'), more]))]);
}

/** A JPEG image (RGB → YCbCr) of a smooth grey pattern that the number changes. */
export function jpegImage(number: number, width = 16, height = 16): Buffer {
  const data = Buffer.alloc(width * height * 4, 255);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.fill(greyAt(number, x, y), (y * width + x) * 4, (y * width + x) * 4 + 3);
  }
  return Buffer.from(jpeg.encode({ width, height, data }, 95).data);
}

/** The grey that {@link jpegImage} draws. */
export function greyAt(number: number, x: number, y: number): number {
  return Math.round(100 + 60 * Math.sin((x + number) / 5) + 40 * Math.cos(y / 7));
}

/** The headers of a JPEG image with hardly any of its pixels: what only decoding finds. */
export const brokenImage = jpegImage(0).subarray(0, 300);
