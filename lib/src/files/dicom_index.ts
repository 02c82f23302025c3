import { BadInput } from '../host/errors.js';
import type { ByteFile } from './byte_file.js';
import type { PixelElement } from './dicom_header.js';

/** Bytes of a file. */
export interface ByteRange {
  readonly start: number;
  readonly size: number;
}

const ITEM = 0xfffee000;
const DELIMITER = 0xfffee0dd;
const mostFragments = 1_000_000;

/** A tag as `GGGGEEEE`; those of encapsulated pixels are little endian always. */
const tagAt = (header: Buffer): number => header.readUInt16LE(0) * 0x10000 + header.readUInt16LE(2);

/** The items of encapsulated pixels: the offset table first, then the fragments. A file may end without the delimiter. */
function itemsOf(file: ByteFile, pixels: PixelElement, where: string): ByteRange[] {
  const items: ByteRange[] = [];
  const refuse = (expected: string, got: string): never => {
    throw new BadInput({ where, expected, got, fix: 'it was cut short or damaged: copy it again' });
  };
  for (let at = pixels.start; at + 8 <= file.size;) {
    const header = file.read(at, 8);
    const [tag, size] = [tagAt(header), header.readUInt32LE(4)];
    if (tag === DELIMITER) break;
    if (tag !== ITEM) refuse('fragments of encapsulated pixels', `something else at byte ${at}`);
    if (at + 8 + size > file.size) refuse(`${at + 8 + size} bytes, as a fragment says`, String(file.size));
    if (items.length > mostFragments) refuse(`at most ${mostFragments} fragments`, 'more');
    items.push({ start: at + 8, size });
    at += 8 + size;
  }
  return items;
}

/** Whether a fragment begins a JPEG image. */
function beginsJpeg(file: ByteFile, { start, size }: ByteRange): boolean {
  return size >= 2 && file.read(start, 2).readUInt16BE(0) === 0xffd8;
}

/** Fragments from each of `firsts` to the next. */
function grouped(fragments: readonly ByteRange[], firsts: readonly number[]): ByteRange[][] {
  return firsts.map((first, i) => fragments.slice(first, firsts[i + 1]));
}

/** The offsets of the basic table (4 bytes each), or of the extended one (8 bytes) where the basic one is empty. */
function offsetsOf(basic: Buffer, extended: Buffer | null): number[] {
  if (basic.length > 0 || extended === null) {
    return Array.from({ length: basic.length >> 2 }, (_, frame) => basic.readUInt32LE(4 * frame));
  }
  return Array.from({ length: extended.length >> 3 }, (_, frame) => Number(extended.readBigUInt64LE(8 * frame)));
}

/** The fragments that begin frames by an offset table, or nothing where it is empty or does not fit. */
function firstsByTable(offsets: readonly number[], fragments: readonly ByteRange[], frames: number): number[] {
  if (offsets.length !== frames) return [];
  const [{ start: base }] = fragments as readonly [ByteRange];
  const at = new Map(fragments.map(({ start }, i) => [start - base, i]));
  const firsts = offsets.map((offset) => at.get(offset) ?? -1);
  return firsts.every((first, i) => first >= 0 && (i === 0 ? first === 0 : first > (firsts[i - 1] as number)))
    ? firsts
    : [];
}

/** What the header says of encapsulated pixels. */
export interface Encapsulation {
  readonly frames: number;
  readonly isJpeg: boolean;
  /** Extended offset table (7FE0,0001); its lengths are not needed, fragments have their own. */
  readonly extendedTable: Buffer | null;
}

/**
 * The fragments of each frame of encapsulated pixels: by an offset table, else one fragment a frame, else (JPEG) from
 * one start of an image to the next. Nothing is decoded. @throws BadInput when there are not as many as the header says.
 */
export function encapsulatedFrames(
  file: ByteFile,
  pixels: PixelElement,
  { frames, isJpeg, extendedTable }: Encapsulation,
  where: string,
): ByteRange[][] {
  const [table, ...fragments] = itemsOf(file, pixels, where);
  if (table !== undefined && fragments.length > 0) {
    if (frames === 1) return [fragments];
    const offsets = offsetsOf(file.read(table.start, table.size), extendedTable);
    const firsts = firstsByTable(offsets, fragments, frames);
    if (firsts.length > 0) return grouped(fragments, firsts);
    if (fragments.length === frames) return fragments.map((fragment) => [fragment]);
    const images = isJpeg ? fragments.flatMap((fragment, i) => (beginsJpeg(file, fragment) ? [i] : [])) : [];
    if (images.length === frames && images[0] === 0) return grouped(fragments, images);
  }
  const expected = `${frames} frames, as its header says`;
  throw new BadInput({ where, expected, got: `${fragments.length} fragments without a table that fits` });
}

/** Where the frames of uncompressed pixels stand. @throws BadInput when the file holds fewer than its header says. */
export function nativeFrames(
  file: ByteFile,
  { start, length }: PixelElement,
  frames: number,
  size: number,
  where: string,
): ByteRange[][] {
  const held = Math.min(length ?? 0, file.size - start);
  if (held < frames * size) {
    const expected = `${frames} frames of ${size} bytes, as its header says`;
    throw new BadInput({ where, expected, got: `${Math.max(0, held)} bytes`, fix: 'it was cut short: copy it again' });
  }
  return Array.from({ length: frames }, (_, frame) => [{ start: start + frame * size, size }]);
}
