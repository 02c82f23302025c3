import { deflateRawSync } from 'node:zlib';
import { greyAt } from './avi.js';

const syntaxes = {
  native: '1.2.840.10008.1.2.1',
  jpeg: '1.2.840.10008.1.2.4.50',
  rle: '1.2.840.10008.1.2.5',
  deflated: '1.2.840.10008.1.2.1.99',
} as const;

export interface DicomOptions {
  /** Uncompressed frames, or fragments; none leaves the pixel data out. */
  readonly frames: readonly Buffer[];
  readonly coding?: keyof typeof syntaxes;
  /** Another transfer syntax than that of `coding`; '' for none. */
  readonly syntax?: string;
  readonly bigEndian?: boolean;
  /** Writes the basic offset table, one frame a fragment. */
  readonly table?: boolean;
  /** Writes an extended offset table with these offsets, and its lengths, before the pixels. */
  readonly extended?: readonly number[];
  readonly photometric?: string;
  readonly planar?: boolean;
  readonly modality?: string;
  readonly numberOfFrames?: number | string;
  readonly height?: number;
  readonly width?: number;
  readonly bits?: number;
  /** Of the allocated ones; all by default. */
  readonly bitsStored?: number;
  readonly frameTime?: string;
  /** What the file is by its meta header, e.g. a directory; left out by default. */
  readonly sopClass?: string;
  /** Puts so many sequences, one in another, before the pixels. */
  readonly nested?: number;
  /** Left, top, right, bottom, cm a pixel. */
  readonly region?: readonly [number, number, number, number, number];
}

/** What must never come out of a file again. */
export const patientName = 'SECRET^PATIENT';

/** Grey values of a frame of 16 × 16, as `jpegImage` draws them. */
export function greyBytes(frame: number, width = 16, height = 16): Buffer {
  return Buffer.from(Array.from({ length: width * height }, (_, i) => greyAt(frame, i % width, Math.floor(i / width))));
}

/** A frame of RLE Lossless: its planes as runs and literals. */
export function rleFrame(planes: readonly Buffer[]): Buffer {
  const segments = planes.map((plane) => {
    const parts: number[] = [];
    for (let at = 0; at < plane.length;) {
      let run = 1;
      while (run < 128 && plane[at + run] === plane[at]) run += 1;
      if (run > 1) parts.push(257 - run, plane[at]!);
      else parts.push(0, plane[at]!);
      at += run;
    }
    return Buffer.from(parts.length % 2 === 0 ? parts : [...parts, 128]);
  });
  const header = Buffer.alloc(64);
  header.writeUInt32LE(segments.length, 0);
  let at = 64;
  segments.forEach((segment, i) => {
    header.writeUInt32LE(at, 4 + 4 * i);
    at += segment.length;
  });
  return Buffer.concat([header, ...segments]);
}

const long = new Set(['OB', 'OV', 'OW', 'SQ']);

/** Writes elements with explicit value representation in one byte order. */
class Elements {
  readonly parts: Buffer[] = [];
  constructor(readonly big: boolean) {}

  uint16(value: number): Buffer {
    const bytes = Buffer.alloc(2);
    if (this.big) bytes.writeUInt16BE(value);
    else bytes.writeUInt16LE(value);
    return bytes;
  }

  uint32(value: number): Buffer {
    const bytes = Buffer.alloc(4);
    if (this.big) bytes.writeUInt32BE(value);
    else bytes.writeUInt32LE(value);
    return bytes;
  }

  double(value: number): Buffer {
    const bytes = Buffer.alloc(8);
    if (this.big) bytes.writeDoubleBE(value);
    else bytes.writeDoubleLE(value);
    return bytes;
  }

  add(group: number, element: number, vr: string, value: Buffer | string, length?: number): void {
    let bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
    if (bytes.length % 2 === 1) bytes = Buffer.concat([bytes, Buffer.from(vr === 'UI' || vr === 'OB' ? '\0' : ' ')]);
    const size = length ?? bytes.length;
    const head = long.has(vr) ? [Buffer.alloc(2), this.uint32(size)] : [this.uint16(size)];
    this.parts.push(this.uint16(group), this.uint16(element), Buffer.from(vr), ...head, bytes);
  }
}

function item(bytes: Buffer): Buffer {
  const header = Buffer.from([0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0]);
  header.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

function encapsulated(fragments: readonly Buffer[], withTable: boolean): Buffer {
  const even = fragments.map((bytes) => (bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(1)])));
  const table = Buffer.alloc(withTable ? 4 * even.length : 0);
  let at = 0;
  even.forEach((bytes, i) => {
    if (withTable) table.writeUInt32LE(at, 4 * i);
    at += 8 + bytes.length;
  });
  return Buffer.concat([item(table), ...even.map(item), Buffer.from([0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0])]);
}

function offsetTable(offsets: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * offsets.length);
  offsets.forEach((offset, i) => bytes.writeBigUInt64LE(BigInt(offset), 8 * i));
  return bytes;
}

function addRegion(data: Elements, [left, top, right, bottom, cm]: readonly [number, number, number, number, number]) {
  const region = new Elements(data.big);
  region.add(0x0018, 0x6012, 'US', region.uint16(1));
  region.add(0x0018, 0x6014, 'US', region.uint16(1));
  [left, top, right, bottom].forEach((value, i) => region.add(0x0018, 0x6018 + 2 * i, 'UL', region.uint32(value)));
  region.add(0x0018, 0x6024, 'US', region.uint16(3));
  region.add(0x0018, 0x6026, 'US', region.uint16(3));
  region.add(0x0018, 0x602c, 'FD', region.double(cm));
  region.add(0x0018, 0x602e, 'FD', region.double(cm));
  const bytes = Buffer.concat(region.parts);
  const head = [data.uint16(0xfffe), data.uint16(0xe000), data.uint32(bytes.length)];
  data.add(0x0018, 0x6011, 'SQ', Buffer.concat([...head, bytes]));
}

/** Sequences of unknown length, one in another, none of which ends. */
function sequences(depth: number): Buffer {
  const start = Buffer.from('080015115351' + '0000ffffffff' + 'feff00e0ffffffff', 'hex');
  return Buffer.concat(Array<Buffer>(depth).fill(start));
}

function addPalette(data: Elements): void {
  for (const channel of [1, 2, 3]) {
    const descriptor = [256, 0, 16].map((value) => data.uint16(value));
    data.add(0x0028, 0x1100 + channel, 'US', Buffer.concat(descriptor));
  }
  for (const channel of [1, 2, 3]) {
    const entries = Array.from({ length: 256 }, (_, i) => data.uint16((255 - i) << 8));
    data.add(0x0028, 0x1200 + channel, 'OW', Buffer.concat(entries));
  }
}

/** The bytes of an ultrasound DICOM file; its patient is called {@link patientName}. */
export function dicomFile(options: DicomOptions): Buffer {
  const { frames, coding = 'native', photometric = 'MONOCHROME2', bigEndian = false, bits = 8 } = options;
  const uid = options.syntax ?? (bigEndian ? '1.2.840.10008.1.2.2' : syntaxes[coding]);
  const meta = new Elements(false);
  if (options.sopClass !== undefined) meta.add(0x0002, 0x0002, 'UI', options.sopClass);
  if (uid !== '') meta.add(0x0002, 0x0010, 'UI', uid);
  const length = new Elements(false);
  length.add(0x0002, 0x0000, 'UL', length.uint32(Buffer.concat(meta.parts).length));
  const data = new Elements(bigEndian);
  data.add(0x0008, 0x0060, 'CS', options.modality ?? 'US');
  if (options.nested !== undefined) data.parts.push(sequences(options.nested));
  data.add(0x0010, 0x0010, 'PN', patientName);
  if (options.frameTime !== undefined) data.add(0x0018, 0x1063, 'DS', options.frameTime);
  if (options.region !== undefined) addRegion(data, options.region);
  const samples = /^(RGB|YBR)/.test(photometric) ? 3 : 1;
  data.add(0x0028, 0x0002, 'US', data.uint16(samples));
  data.add(0x0028, 0x0004, 'CS', photometric);
  if (samples === 3) data.add(0x0028, 0x0006, 'US', data.uint16(options.planar === true ? 1 : 0));
  data.add(0x0028, 0x0008, 'IS', String(options.numberOfFrames ?? frames.length));
  data.add(0x0028, 0x0010, 'US', data.uint16(options.height ?? 16));
  data.add(0x0028, 0x0011, 'US', data.uint16(options.width ?? 16));
  data.add(0x0028, 0x0100, 'US', data.uint16(bits));
  data.add(0x0028, 0x0101, 'US', data.uint16(options.bitsStored ?? bits));
  data.add(0x0028, 0x0103, 'US', data.uint16(0));
  if (photometric === 'PALETTE COLOR') addPalette(data);
  if (options.extended !== undefined) {
    for (const element of [1, 2]) data.add(0x7fe0, element, 'OV', offsetTable(options.extended));
  }
  if (frames.length > 0 && (coding === 'jpeg' || coding === 'rle')) {
    data.add(0x7fe0, 0x0010, 'OB', encapsulated(frames, options.table === true), 0xffffffff);
  } else if (frames.length > 0) {
    const pixels = Buffer.concat(frames);
    data.add(0x7fe0, 0x0010, 'OW', bigEndian ? pixels.swap16() : pixels);
  }
  const body = Buffer.concat(data.parts);
  const head = [Buffer.alloc(128), Buffer.from('DICM'), ...length.parts, ...meta.parts];
  return Buffer.concat([...head, coding === 'deflated' ? deflateRawSync(body) : body]);
}
