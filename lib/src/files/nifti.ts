import { basename } from 'node:path';
import { gunzipSync, constants } from 'node:zlib';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { withByteFile } from './byte_file.js';

/** An image of a NIfTI-1 file: x runs fastest, then y, then t; rescaled by the header where it says so. */
export interface Nifti {
  /** Sizes of the axes, without trailing ones of length 1 after the second. */
  readonly shape: readonly number[];
  /** Distance of neighbours along x and y, mm. */
  readonly spacing: readonly [x: number, y: number];
  /** x · y · … values. */
  readonly values: Uint8Array | Float32Array;
}

const headerSize = 348;
const largestFile = 2 ** 27;
const largestImage = 2 ** 27;
/** An echocardiogram has up to two million. */
const mostPixels = 2 ** 22;
/** Values that are not bytes as they stand become 32-bit floats. */
const mostFloats = 2 ** 26;
/** Deflate cannot shrink further than this. */
const bestRatio = 1032;
/** So much of a packed file surely holds the header. */
const firstBytes = 4096;

type Reader = (view: DataView, at: number, little: boolean) => number;

interface DataType {
  readonly bytes: number;
  readonly read: Reader;
}

/** Data types by the header's code (nifti1.h, NIFTI_TYPE_*); colour and complex ones are no grey images. */
const dataTypes: ReadonlyMap<number, DataType> = new Map([
  [2, { bytes: 1, read: (view, at) => view.getUint8(at) }],
  [256, { bytes: 1, read: (view, at) => view.getInt8(at) }],
  [4, { bytes: 2, read: (view, at, little) => view.getInt16(at, little) }],
  [512, { bytes: 2, read: (view, at, little) => view.getUint16(at, little) }],
  [8, { bytes: 4, read: (view, at, little) => view.getInt32(at, little) }],
  [768, { bytes: 4, read: (view, at, little) => view.getUint32(at, little) }],
  [16, { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) }],
  [64, { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) }],
]);

const UINT8 = 2;

/** Millimetres of the header's unit of length; where it names none, CAMUS and most writers mean mm. */
const unitsInMm: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [1, 1000],
  [2, 1],
  [3, 0.001],
]);

interface Header {
  readonly shape: readonly number[];
  readonly spacing: readonly [number, number];
  readonly code: number;
  readonly type: DataType;
  readonly little: boolean;
  readonly offset: number;
  readonly slope: number;
  readonly intercept: number;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The sizes in `dim`, without trailing ones beyond two axes. */
function shapeOf(view: DataView, little: boolean, where: string): number[] {
  const axes = view.getInt16(40, little);
  if (axes < 2 || axes > 7) throw new BadInput({ where, expected: '2 to 7 axes', got: String(axes) });
  const shape = Array.from({ length: axes }, (_, axis) => view.getInt16(42 + 2 * axis, little));
  if (shape.some((size) => size < 1)) throw new BadInput({ where, expected: 'axes from 1', got: shape.join(' × ') });
  while (shape.length > 2 && shape.at(-1) === 1) shape.pop();
  const [width, height] = shape as [number, number];
  if (width * height > mostPixels) {
    throw new BadInput({ where, expected: `pictures of at most ${mostPixels} pixels`, got: `${width} × ${height}` });
  }
  return shape;
}

function spacingOf(view: DataView, little: boolean, where: string): [number, number] {
  const unit = unitsInMm.get(view.getUint8(123) & 7) ?? NaN;
  const spacing: [number, number] = [unit * view.getFloat32(80, little), unit * view.getFloat32(84, little)];
  if (spacing.every((mm) => mm > 0 && mm < 1000)) return spacing;
  throw new BadInput({ where, expected: 'a positive spacing (pixdim) in mm', got: spacing.join(' × ') });
}

function parseHeader(bytes: Uint8Array, where: string): Header {
  const refuse = (expected: string, got: string): never => {
    throw new BadInput({ where, expected, got });
  };
  if (bytes.length < headerSize) refuse('a NIfTI-1 header of 348 bytes', `${bytes.length} bytes`);
  const view = viewOf(bytes);
  const little = view.getInt32(0, true) === headerSize;
  if (!little && view.getInt32(0, false) !== headerSize) refuse('a NIfTI-1 file', 'something else');
  const magic = Buffer.from(bytes.subarray(344, 348)).toString('latin1');
  if (magic !== 'n+1\0') refuse('NIfTI-1 in one file ("n+1")', `"${printable(magic)}"`);
  const code = view.getInt16(70, little);
  const type = dataTypes.get(code) ?? refuse('whole or real numbers', `data type ${code}`);
  const offset = view.getFloat32(108, little);
  if (!Number.isInteger(offset) || offset < headerSize || offset > largestFile) {
    refuse('data after the header (vox_offset)', String(offset));
  }
  const [slope, intercept] = [view.getFloat32(112, little), view.getFloat32(116, little)];
  const rescales = Number.isFinite(slope) && Number.isFinite(intercept) && slope !== 0;
  return {
    shape: shapeOf(view, little, where),
    spacing: spacingOf(view, little, where),
    ...{ code, type, little, offset },
    ...(rescales ? { slope, intercept } : { slope: 1, intercept: 0 }),
  };
}

/** Whether the values are bytes that mean what they say. */
const areBytes = ({ code, slope, intercept }: Header): boolean => code === UINT8 && slope === 1 && intercept === 0;

const voxelsOf = ({ shape }: Header): number => shape.reduce((product, size) => product * size, 1);

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Unpacks, at most to `limit` bytes; what is damaged, cut short (unless `partly`) or larger is {@link BadInput}. */
function unpack(bytes: Uint8Array, limit: number, where: string, partly = false): Uint8Array {
  const finishFlush = partly ? constants.Z_SYNC_FLUSH : constants.Z_FINISH;
  try {
    return gunzipSync(bytes, { maxOutputLength: limit, finishFlush });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new BadInput({ where, expected: `${limit} bytes unpacked, as its header says`, got: 'more' });
    }
    if (!code.startsWith('Z_')) throw error;
    throw new BadInput(
      { where, expected: 'a whole gzip file', got: `a damaged or cut one (${code})` },
      { cause: error },
    );
  }
}

/** The file unpacked, with its header: no more is unpacked than the header announces and the packed bytes can hold. */
function contentOf(file: Uint8Array, where: string): { header: Header; bytes: Uint8Array } {
  const packed = isGzip(file);
  const first = file.subarray(0, firstBytes);
  const header = parseHeader(packed ? unpack(first, firstBytes * (bestRatio + 1), where, true) : first, where);
  const size = header.offset + voxelsOf(header) * header.type.bytes;
  const room = packed ? file.length * bestRatio : file.length;
  if (size > Math.min(room, largestImage) || (!areBytes(header) && voxelsOf(header) > mostFloats)) {
    const expected = `an image that its ${file.length} bytes and a limit of ${largestImage / 2 ** 20} MB can hold`;
    throw new BadInput({ where, expected, got: header.shape.join(' × ') });
  }
  const bytes = packed ? unpack(file, size, where) : file;
  if (bytes.length < size) {
    throw new BadInput({ where, expected: `${size} bytes, as its header says`, got: String(bytes.length) });
  }
  return { header, bytes };
}

function valuesOf(header: Header, bytes: Uint8Array): Uint8Array | Float32Array {
  const { type, little, offset, slope, intercept } = header;
  const voxels = voxelsOf(header);
  if (areBytes(header)) return bytes.subarray(offset, offset + voxels);
  const view = viewOf(bytes);
  const values = new Float32Array(voxels);
  for (let i = 0, at = offset; i < voxels; i++, at += type.bytes) {
    values[i] = type.read(view, at, little) * slope + intercept;
  }
  return values;
}

/**
 * Reads a NIfTI-1 file (`.nii`, or packed by gzip whatever its name), strictly: what is cut short, damaged, larger than
 * its header says or larger than its bytes can hold is {@link BadInput}. Source: nifti1.h of the NIfTI-1 standard.
 */
export function readNifti(path: string): Nifti {
  const where = printable(basename(path));
  const file = withByteFile(path, ({ size, read }) => {
    if (size <= largestFile) return read(0, size);
    throw new BadInput({ where, expected: `at most ${largestFile / 2 ** 20} MB`, got: `${size} bytes` });
  });
  const { header, bytes } = contentOf(file, where);
  return { shape: header.shape, spacing: header.spacing, values: valuesOf(header, bytes) };
}
