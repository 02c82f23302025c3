import { inflateRawSync } from 'node:zlib';
import { parseDicom, type DataSet, type Element } from 'dicom-parser';
import { BadInput, messageOf } from '../host/errors.js';
import { printable } from '../host/text.js';
import { bytesAsFile, type ByteFile } from './byte_file.js';

const PIXEL_DATA = 'x7fe00010';

/** What stands before the pixels is read in pieces of growing size; private groups of some scanners fill megabytes. */
const headerSizes = [2 ** 18, 2 ** 22, 2 ** 26];
/** A deflated file is unpacked as a whole, at most to this size. */
const largestDeflated = 2 ** 28;

/**
 * The beginning of an extended offset table: tag (7FE0,0001) or, of its lengths, (7FE0,0002) and the value representation OV, which
 * came into DICOM in 2019 (CP-1818) and dicom-parser 1.8 takes for one with a short length. OB has the same layout.
 */
const extendedTables = ['01', '02'].map((element) => Buffer.from(`e07f${element}004f56`, 'hex'));

/** The bytes with OV written OB in extended offset tables. */
function withoutOV(bytes: Buffer): Buffer {
  for (const start of extendedTables) {
    for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + 1)) bytes.write('OB', at + 4, 'latin1');
  }
  return bytes;
}

/** The element of the pixels; only where they begin and, where it is known, how long they are. */
export interface PixelElement {
  readonly vr: string;
  readonly start: number;
  /** Null for encapsulated pixels, whose fragments have lengths of their own. */
  readonly length: number | null;
}

/**
 * What stands before the pixels, for {@link DicomFields} to look up by name: nothing of it is handed on as a whole, so that
 * a patient's data goes nowhere.
 */
export interface DicomHeader {
  readonly fields: DicomFields;
  readonly pixels: PixelElement;
  /** The bytes that `pixels` refers to: the file, or what a deflated one holds. */
  readonly source: ByteFile;
}

/** Values by tag (`xGGGGEEEE`); null where the element is missing, empty or no number. */
export interface DicomFields {
  text(tag: string): string | null;
  /** Numbers written as text (IS, DS). */
  decimals(tag: string): readonly number[];
  uint16(tag: string, index?: number): number | null;
  uint32(tag: string): number | null;
  double(tag: string): number | null;
  bytes(tag: string): Buffer | null;
  items(tag: string): readonly DicomFields[];
}

const finite = (value: number | undefined): number | null =>
  value !== undefined && Number.isFinite(value) ? value : null;

function fieldsOf(data: DataSet): DicomFields {
  /** A number of fixed size; a shorter element holds none. */
  const numberOf = (tag: string, size: number, read: () => number | undefined): number | null =>
    (data.elements[tag]?.length ?? 0) >= size ? finite(read()) : null;
  const text = (tag: string): string | null => data.string(tag) ?? null;
  return {
    text,
    decimals: (tag) =>
      (text(tag) ?? '').split('\\').flatMap((part) => (part.trim() === '' ? [] : (finite(Number(part)) ?? []))),
    uint16: (tag, index = 0) => numberOf(tag, 2 * index + 2, () => data.uint16(tag, index)),
    uint32: (tag) => numberOf(tag, 4, () => data.uint32(tag)),
    double: (tag) => numberOf(tag, 8, () => data.double(tag)),
    bytes: (tag) => {
      const element = data.elements[tag];
      if (element === undefined) return null;
      return Buffer.from(data.byteArray.subarray(element.dataOffset, element.dataOffset + element.length));
    },
    items: (tag) => (data.elements[tag]?.items ?? []).flatMap(({ dataSet }) => (dataSet ? [fieldsOf(dataSet)] : [])),
  };
}

function inflate(bytes: Uint8Array, start: number): Buffer {
  const inflated = inflateRawSync(bytes.subarray(start), { maxOutputLength: largestDeflated });
  return Buffer.concat([bytes.subarray(0, start), inflated]);
}

/** What the parser finds wrong: it throws texts and objects besides errors. */
function complaint(error: unknown): string {
  const inner = typeof error === 'object' && error !== null && 'exception' in error ? error.exception : error;
  if (inner instanceof Error && 'code' in inner && inner.code === 'ERR_BUFFER_TOO_LARGE') {
    return `more than ${largestDeflated / 2 ** 20} MB when unpacked`;
  }
  const text = messageOf(inner);
  if (text.includes('missing required meta header attribute 0002,0010')) return 'no transfer syntax (0002,0010)';
  return `a header that is cut short or damaged (${printable(text, 120)})`;
}

const MEDIUM_DIRECTORY = '1.2.840.10008.1.3.10';

/** What a file without pixels is. */
function pictureless(data: DataSet): string {
  const isDirectory = data.string('x00020002') === MEDIUM_DIRECTORY;
  return isDirectory ? 'the list of files of a medium (DICOMDIR); name the files themselves' : 'no pixel data';
}

type Parsed = { readonly data: DataSet; readonly element: Element } | { readonly fault: string };

/** Parses what stands in `bytes` before the pixels. */
function parse(bytes: Buffer): Parsed {
  try {
    const data = parseDicom(bytes, { untilTag: PIXEL_DATA, inflater: inflate });
    const element = data.elements[PIXEL_DATA];
    return element === undefined ? { fault: pictureless(data) } : { data, element };
  } catch (error) {
    return { fault: complaint(error) };
  }
}

/** Whether a file is DICOM (part 10): `DICM` after a preamble of 128 bytes. */
export function isDicom(start: Buffer): boolean {
  return start.toString('latin1', 128, 132) === 'DICM';
}

/** Reads what stands before the pixels of a DICOM file. @throws BadInput when there are none, or it cannot be read. */
export function readDicomHeader(file: ByteFile, where: string): DicomHeader {
  let fault = 'no pixel data';
  for (const size of headerSizes) {
    const bytes = withoutOV(Buffer.from(file.read(0, size)));
    const parsed = parse(bytes);
    if ('data' in parsed) {
      const { data, element } = parsed;
      const length = element.hadUndefinedLength === true ? null : element.length;
      return {
        fields: fieldsOf(data),
        pixels: { vr: element.vr ?? 'OW', start: element.dataOffset, length },
        // Of a deflated file the parser has unpacked the bytes.
        source: data.byteArray === bytes ? file : bytesAsFile(Buffer.from(data.byteArray)),
      };
    }
    fault = parsed.fault;
    if (size >= file.size) break;
  }
  throw new BadInput({ where, expected: 'a DICOM file with pictures', got: fault });
}
