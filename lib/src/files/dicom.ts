import { basename } from 'node:path';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { withByteFile, type ByteFile } from './byte_file.js';
import { readDicomHeader, type DicomFields, type DicomHeader } from './dicom_header.js';
import { encapsulatedFrames, nativeFrames, type ByteRange } from './dicom_index.js';
import {
  bytesPerPixel,
  greyOf,
  greyPalette,
  inverted,
  photometrics,
  type PaletteChannel,
  type Photometric,
  type PixelLayout,
} from './dicom_pixels.js';
import { transferSyntax, type TransferSyntax } from './dicom_syntax.js';
import type { GreyImage } from './image.js';
import { decodeJpeg } from './jpeg.js';
import { decodeRle } from './rle.js';
import { ultrasoundRegions, type UltrasoundRegion } from './ultrasound_regions.js';

/**
 * An ultrasound DICOM file by its header and index; no file stays open. These fields are all that is ever taken out of it:
 * nothing about the patient, the study, the people or the place.
 */
export interface Dicom {
  /** `US` for ultrasound. */
  readonly modality: string;
  readonly height: number;
  readonly width: number;
  readonly frames: number;
  /** By frame time, frame time vector, display or cine rate, in this order; NaN where it has none. */
  readonly fps: number;
  readonly photometric: Photometric;
  /** Name of the transfer syntax, e.g. `JPEG Baseline`. */
  readonly transferSyntax: string;
  /** Two-dimensional pictures of tissue or flow, the largest first. */
  readonly regions: readonly UltrasoundRegion[];
  /** A frame (0-based) as grey, decoded alone. */
  readFrame(frame: number): GreyImage;
}

const mostFrames = 1_000_000;
const mostPixels = 10_000_000;
const largestFrame = 2 ** 26;

/** What a field has to be, for a sentence about one that is not. */
function demand(fits: boolean, where: string, field: string, expected: string, got: unknown, fix?: string): void {
  if (fits) return;
  const found = got === null ? 'none' : printable(String(got));
  throw new BadInput({ where: `${where}, ${field}`, expected, got: found, ...(fix === undefined ? {} : { fix }) });
}

function fpsOf(fields: DicomFields): number {
  const [frameTime = 0] = fields.decimals('x00181063');
  if (frameTime > 0) return 1000 / frameTime;
  const times = fields.decimals('x00181065').filter((ms) => ms > 0);
  if (times.length > 0) return (1000 * times.length) / times.reduce((sum, ms) => sum + ms, 0);
  const rates = [...fields.decimals('x00082144'), ...fields.decimals('x00180040')];
  return rates.find((rate) => rate > 0) ?? NaN;
}

interface Size {
  readonly height: number;
  readonly width: number;
  readonly frames: number;
}

function sizeOf(fields: DicomFields, where: string): Size {
  const [height, width] = [fields.uint16('x00280010') ?? 0, fields.uint16('x00280011') ?? 0];
  const isSize = height > 0 && width > 0 && height * width <= mostPixels;
  demand(isSize, where, 'Rows and Columns', `pictures of at most ${mostPixels} pixels`, `${height} × ${width}`);
  const text = fields.text('x00280008');
  const frames = text === null ? 1 : (fields.decimals('x00280008')[0] ?? NaN);
  const isCount = Number.isInteger(frames) && frames > 0 && frames <= mostFrames;
  demand(isCount, where, 'NumberOfFrames', `a whole number from 1 to ${mostFrames}`, text);
  return { height, width, frames };
}

function photometricOf(fields: DicomFields, where: string): Photometric {
  const text = fields.text('x00280004');
  const found = photometrics.find((name) => name === text);
  const samples = fields.uint16('x00280002') ?? 1;
  demand(found !== undefined, where, 'PhotometricInterpretation', photometrics.join(', '), text);
  const wanted = /^(RGB|YBR)/.test(found as string) ? 3 : 1;
  demand(samples === wanted, where, 'SamplesPerPixel', `${wanted} with ${found}`, samples);
  return found as Photometric;
}

function checkBits(fields: DicomFields, where: string): void {
  const fix = 'export the cine with 8 bits a sample';
  for (const [field, tag] of [
    ['BitsAllocated', 'x00280100'],
    ['BitsStored', 'x00280101'],
  ] as const) {
    const bits = fields.uint16(tag);
    demand(bits === 8, where, field, '8 bits a sample', bits, fix);
  }
  demand((fields.uint16('x00280103') ?? 0) === 0, where, 'PixelRepresentation', 'unsigned samples', 'signed ones', fix);
}

function paletteOf(fields: DicomFields, bigEndian: boolean, where: string): Uint8Array {
  const channels = (['1', '2', '3'] as const).map((channel): PaletteChannel => {
    const descriptor = [0, 1, 2].map((i) => fields.uint16(`x0028110${channel}`, i));
    const data = fields.bytes(`x0028120${channel}`);
    const isThere = data !== null && descriptor.every((value) => value !== null);
    demand(isThere, where, 'palette', 'a colour table that is not segmented', null);
    return { descriptor: descriptor as [number, number, number], data: data as Buffer };
  });
  return greyPalette(channels as [PaletteChannel, PaletteChannel, PaletteChannel], bigEndian, where);
}

function layoutOf(fields: DicomFields, { coding, bigEndian }: TransferSyntax, where: string): PixelLayout {
  checkBits(fields, where);
  const photometric = photometricOf(fields, where);
  const isFitting =
    coding === 'native' || photometric !== (coding === 'rle' ? 'YBR_FULL_422' : ('PALETTE COLOR' as Photometric));
  demand(isFitting, where, 'PhotometricInterpretation', `one that goes with ${coding.toUpperCase()}`, photometric);
  return {
    photometric,
    planar: coding === 'rle' || fields.uint16('x00280006') === 1,
    palette: photometric === 'PALETTE COLOR' ? paletteOf(fields, bigEndian, where) : null,
  };
}

/** Reads the fragments of a frame as one piece. */
function readRanges(file: ByteFile, ranges: readonly ByteRange[], where: string): Buffer {
  const size = ranges.reduce((sum, range) => sum + range.size, 0);
  demand(size <= largestFrame, where, 'frame', `frames of at most ${largestFrame} bytes`, size);
  return Buffer.concat(ranges.map((range) => file.read(range.start, range.size)));
}

/** Bytes stored as big-endian words of two: even positions and odd ones change places. */
function readSwapped(file: ByteFile, { start, size }: ByteRange, base: number): Buffer {
  const skip = (start - base) % 2;
  const words = Buffer.from(file.read(start - skip, size + skip + ((size + skip) % 2)));
  return words.length % 2 === 0 ? words.swap16().subarray(skip, skip + size) : words.subarray(skip);
}

interface Decoding extends Size {
  readonly syntax: TransferSyntax;
  readonly layout: PixelLayout;
  /** Whether samples of 8 bits stand in words of the other byte order. */
  readonly swapped: boolean;
  readonly base: number;
}

function decode(file: ByteFile, ranges: readonly ByteRange[], decoding: Decoding, where: string): GreyImage {
  const { height, width, syntax, layout, swapped, base } = decoding;
  const pixels = height * width;
  if (syntax.coding === 'jpeg') {
    const bytes = readRanges(file, ranges, where);
    const image = decodeJpeg(bytes, where, { rgb: layout.photometric === 'RGB' });
    const isSize = image.height === height && image.width === width;
    demand(isSize, where, 'JPEG image', `${height} × ${width}`, `${image.height} × ${image.width}`);
    return layout.photometric === 'MONOCHROME1' ? { ...image, data: inverted(image.data) } : image;
  }
  const [first] = ranges as readonly [ByteRange];
  let bytes: Uint8Array | undefined = swapped ? readSwapped(file, first, base) : readRanges(file, ranges, where);
  if (syntax.coding === 'rle') bytes = decodeRle(bytes as Buffer, bytesPerPixel(layout.photometric), pixels);
  if (bytes === undefined) {
    throw new BadInput({ where, expected: `RLE of ${height} × ${width} pixels`, got: 'damaged data' });
  }
  return { height, width, data: greyOf(bytes, pixels, layout) };
}

function framesOf(
  { fields, pixels, source }: DicomHeader,
  { syntax, layout, ...size }: Decoding,
  where: string,
): ByteRange[][] {
  const { frames, height, width } = size;
  if (syntax.coding === 'native') {
    return nativeFrames(source, pixels, frames, height * width * bytesPerPixel(layout.photometric), where);
  }
  const encapsulation = { frames, isJpeg: syntax.coding === 'jpeg', extendedTable: fields.bytes('x7fe00001') };
  return encapsulatedFrames(source, pixels, encapsulation, where);
}

/**
 * Opens a DICOM file (part 10) with 8-bit pictures by its header and the index of its frames, without decoding any: pixels
 * uncompressed (implicit, explicit, big endian or deflated), JPEG Baseline or RLE Lossless. Anything else, a file without
 * pictures, and one that is cut short are {@link BadInput}. Source: DICOM PS3.3 C.7.6.3, C.8.5.5; PS3.5 annexes A and G.
 */
export function openDicom(path: string): Dicom {
  const where = printable(basename(path));
  return withByteFile(path, (file) => {
    const header = readDicomHeader(file, where);
    const { fields, pixels, source } = header;
    const syntax = transferSyntax(fields.text('x00020010') ?? '', where);
    const layout = layoutOf(fields, syntax, where);
    const size = sizeOf(fields, where);
    const swapped = syntax.bigEndian && pixels.vr === 'OW';
    const decoding: Decoding = { ...size, syntax, layout, swapped, base: pixels.start };
    const index = framesOf(header, decoding, where);
    const inMemory = source === file ? undefined : source;
    return {
      ...size,
      modality: printable(fields.text('x00080060') ?? 'unknown', 16),
      fps: fpsOf(fields),
      photometric: layout.photometric,
      transferSyntax: syntax.name,
      regions: ultrasoundRegions(fields),
      readFrame(frame) {
        const ranges = index[frame];
        if (ranges === undefined) {
          throw new BadInput({ where, expected: `a frame from 0 to ${size.frames - 1}`, got: String(frame) });
        }
        const read = (bytes: ByteFile): GreyImage => decode(bytes, ranges, decoding, `${where}, frame ${frame}`);
        return inMemory === undefined ? withByteFile(path, read) : read(inMemory);
      },
    };
  });
}
