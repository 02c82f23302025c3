import { BadInput } from '../host/errors.js';
import { luma } from './image.js';

/** Colour spaces of uncompressed and RLE pixels that are read; YBR_FULL_422 has a chroma pair for two pixels. */
export const photometrics = ['MONOCHROME1', 'MONOCHROME2', 'PALETTE COLOR', 'RGB', 'YBR_FULL', 'YBR_FULL_422'] as const;
export type Photometric = (typeof photometrics)[number];

/** How the samples of a frame stand in its bytes. */
export interface PixelLayout {
  readonly photometric: Photometric;
  /** Whether colour stands in three planes instead of pixel by pixel. */
  readonly planar: boolean;
  /** The grey value of each of the 256 entries of PALETTE COLOR. */
  readonly palette: Uint8Array | null;
}

/** Bytes of a pixel in an uncompressed frame. */
export function bytesPerPixel(photometric: Photometric): number {
  if (photometric === 'RGB' || photometric === 'YBR_FULL') return 3;
  return photometric === 'YBR_FULL_422' ? 2 : 1;
}

function greyOfRgb(bytes: Uint8Array, pixels: number, planar: boolean): Uint8Array {
  const [step, plane] = planar ? [1, pixels] : [3, 1];
  const grey = new Uint8Array(pixels);
  for (let i = 0, at = 0; i < pixels; i++, at += step) {
    grey[i] = luma(bytes[at] as number, bytes[at + plane] as number, bytes[at + 2 * plane] as number);
  }
  return grey;
}

/** The luma of every pixel: Y Cb Cr each (YBR_FULL), or Y Y Cb Cr for two (YBR_FULL_422; PS3.3, C.7.6.3.1.2). */
function lumaOf(bytes: Uint8Array, pixels: number, step: 2 | 3): Uint8Array {
  return Uint8Array.from({ length: pixels }, (_, i) => bytes[step === 3 ? 3 * i : 2 * i - (i % 2)] as number);
}

/** The grey values of an uncompressed frame. */
export function greyOf(bytes: Uint8Array, pixels: number, { photometric, planar, palette }: PixelLayout): Uint8Array {
  switch (photometric) {
    case 'MONOCHROME2':
      return bytes.slice(0, pixels);
    case 'MONOCHROME1':
      return inverted(bytes.subarray(0, pixels));
    case 'PALETTE COLOR':
      return bytes.slice(0, pixels).map((index) => (palette as Uint8Array)[index] as number);
    case 'RGB':
      return greyOfRgb(bytes, pixels, planar);
    case 'YBR_FULL':
      return planar ? bytes.slice(0, pixels) : lumaOf(bytes, pixels, 3);
    case 'YBR_FULL_422':
      return lumaOf(bytes, pixels, 2);
  }
}

/** White for black, as MONOCHROME1 has it. */
export function inverted(values: Uint8Array): Uint8Array {
  return values.map((value) => 255 - value);
}

/** A channel of a colour table as the header describes it (PS3.3, C.7.6.3.1.5 and C.7.6.3.1.6). */
export interface PaletteChannel {
  /** Number of entries (0 stands for 65536), first index mapped, bits of an entry. */
  readonly descriptor: readonly [entries: number, first: number, bits: number];
  readonly data: Buffer;
}

function channelTable({ descriptor, data }: PaletteChannel, bigEndian: boolean, where: string): Uint8Array {
  const [count, first, bits] = descriptor;
  const entries = count === 0 ? 65536 : count;
  // Entries of 8 bits stand in bytes, or in words as those of 16 do.
  const wide = data.length >= 2 * entries;
  if ((bits !== 8 && bits !== 16) || (bits === 16 && !wide) || data.length < entries) {
    const got = `${entries} of ${bits} bits in ${data.length} bytes`;
    throw new BadInput({ where: `${where}, palette`, expected: 'entries of 8 or 16 bits, all of them', got });
  }
  const at = (entry: number): number => {
    if (!wide) return data[entry] as number;
    const value = bigEndian ? data.readUInt16BE(2 * entry) : data.readUInt16LE(2 * entry);
    return bits === 16 ? value >> 8 : value & 255;
  };
  return Uint8Array.from({ length: 256 }, (_, index) => at(Math.min(entries - 1, Math.max(0, index - first))));
}

/** The grey value of each index of a colour table. @throws BadInput when the table is not as its header says. */
export function greyPalette(
  channels: readonly [red: PaletteChannel, green: PaletteChannel, blue: PaletteChannel],
  bigEndian: boolean,
  where: string,
): Uint8Array {
  const [red, green, blue] = channels.map((channel) => channelTable(channel, bigEndian, where)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  return red.map((value, i) => luma(value, green[i] as number, blue[i] as number));
}
