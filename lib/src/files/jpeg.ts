import jpeg from 'jpeg-js';
import { BadInput, messageOf } from '../host/errors.js';
import { luma, type GreyImage } from './image.js';

/** More than any ultrasound frame has; larger ones are refused before anything is allocated. */
const largest = { megapixels: 10, megabytes: 256 };

const SOF0 = 0xc0;
const SOF2 = 0xc2;
const DHT = 0xc4;
const SOS = 0xda;
const APP0 = 0xe0;
const APP14 = 0xee;
const COM = 0xfe;

interface Segment {
  readonly marker: number;
  /** Offset of the 0xFF of the marker. */
  readonly start: number;
  readonly payload: Uint8Array;
}

/** The segments before the first scan, that scan's header last (ITU T.81 annex B). */
function segmentsOf(bytes: Uint8Array): Segment[] {
  const found: Segment[] = [];
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] as number;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const length = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    found.push({ marker, start: at, payload: bytes.subarray(at + 4, at + 2 + length) });
    if (marker === SOS || length < 2) break;
    at += 2 + length;
  }
  return found;
}

/** Height and width by the frame header (SOF0 to SOF2) of a JPEG image, which is not decoded; null where it has none. */
export function jpegSize(bytes: Uint8Array): { readonly height: number; readonly width: number } | null {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  const frame = segmentsOf(bytes).find(({ marker }) => marker >= SOF0 && marker <= SOF2)?.payload;
  if (frame === undefined || frame.length < 5) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return { height: view.getUint16(1), width: view.getUint16(3) };
}

/** Whether an image of this size is decoded. */
export function isDecodable({ height, width }: { readonly height: number; readonly width: number }): boolean {
  return height > 0 && width > 0 && height * width <= largest.megapixels * 1_000_000;
}

/** The segment of the four standard Huffman tables (ITU T.81 K.3–K.6), which jpeg-js's encoder writes into every image. */
function standardHuffmanTables(): Uint8Array {
  const { data } = jpeg.encode({ width: 1, height: 1, data: new Uint8Array(4) });
  const segment = segmentsOf(data).find(({ marker }) => marker === DHT);
  if (segment === undefined) throw new Error('jpeg-js wrote an image without Huffman tables');
  return data.subarray(segment.start, segment.start + 4 + segment.payload.length);
}

/**
 * Whether the components are red, green and blue: an Adobe segment says so (transform 0), or their names, or what stands
 * around the image where its own segments say nothing (JFIF is luma and chroma always).
 */
function isRgb(segments: readonly Segment[], otherwise: boolean): boolean {
  const adobe = segments.find(({ marker }) => marker === APP14)?.payload;
  if (adobe?.[0] === 0x41) return adobe[11] === 0;
  const frame = segments.find(({ marker }) => marker >= SOF0 && marker <= SOF2)?.payload;
  if (frame?.[5] !== 3) return false;
  if (frame[6] === 0x52 && frame[9] === 0x47 && frame[12] === 0x42) return true;
  return otherwise && !segments.some(({ marker }) => marker === APP0);
}

/** Whether black is 16 and white 235, as ffmpeg says in a comment of the Motion-JPEG that it writes from such video. */
function isLimited(segments: readonly Segment[]): boolean {
  return segments.some(
    ({ marker, payload }) => marker === COM && Buffer.from(payload).toString('latin1').startsWith('CS=ITU601'),
  );
}

/** Grey levels 0 … 255 of those of 16 … 235. */
const fullRange = Uint8Array.from({ length: 256 }, (_, y) => Math.min(255, Math.max(0, ((y - 16) * 255) / 219 + 0.5)));

/** The header of an image of one component, whose sampling factors mean nothing but mislead the decoder, with factors of 1. */
function withoutSampling({ marker, payload }: Segment): Uint8Array {
  const isGrey = marker >= SOF0 && marker <= SOF2 && payload[5] === 1;
  return isGrey ? Uint8Array.from(payload, (byte, i) => (i === 7 ? 0x11 : byte)) : payload;
}

/**
 * The image as the decoder wants it: Huffman tables before the scan where Motion-JPEG leaves them out, an end marker, and
 * no Adobe segment, which would turn luma and chroma into colours.
 */
function completed(bytes: Uint8Array, segments: readonly Segment[]): Uint8Array {
  const parts: Uint8Array[] = [bytes.subarray(0, 2)];
  const tables = segments.some(({ marker }) => marker === DHT) ? [] : [standardHuffmanTables()];
  for (const segment of segments) {
    const { marker, start } = segment;
    if (marker === SOS) parts.push(...tables, bytes.subarray(start));
    else if (marker !== APP14) parts.push(bytes.subarray(start, start + 4), withoutSampling(segment));
  }
  return Buffer.concat([...parts, Uint8Array.of(0xff, 0xd9)]);
}

/**
 * A JPEG image as grey: the luma as stored (ITU-R BT.601 weights where it is stored as RGB), stretched where a comment of
 * ffmpeg's says that it runs from 16 to 235. Images of Motion-JPEG
 * without Huffman tables get the standard ones; `rgb` tells what the components are where the image itself does not.
 * Anything that does not decode is {@link BadInput} at `where`.
 */
export function decodeJpeg(bytes: Uint8Array, where: string, { rgb: otherwise = false } = {}): GreyImage {
  try {
    const segments = segmentsOf(bytes);
    // Of which the decoder would make a flat grey.
    if (!segments.some(({ marker }) => marker === SOS)) throw new Error('no image behind the header');
    const rgb = isRgb(segments, otherwise);
    const { width, height, data } = jpeg.decode(completed(bytes, segments), {
      useTArray: true,
      formatAsRGBA: false,
      colorTransform: false,
      // Forgives nothing but a last restart interval that is shorter than the others.
      tolerantDecoding: true,
      maxResolutionInMP: largest.megapixels,
      maxMemoryUsageInMB: largest.megabytes,
    });
    const limited = isLimited(segments);
    const grey = new Uint8Array(width * height);
    for (let i = 0; i < grey.length; i++) {
      const first = data[3 * i] as number;
      if (rgb) grey[i] = luma(first, data[3 * i + 1] as number, data[3 * i + 2] as number);
      else grey[i] = limited ? (fullRange[first] as number) : first;
    }
    return { height, width, data: grey };
  } catch (error) {
    throw new BadInput(
      { where, expected: 'a JPEG image that decodes', got: `an error (${messageOf(error)})` },
      { cause: error },
    );
  }
}
