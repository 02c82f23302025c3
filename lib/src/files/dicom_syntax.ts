import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';

/** How a transfer syntax holds the pixels. */
export interface TransferSyntax {
  readonly name: string;
  readonly coding: 'native' | 'rle' | 'jpeg';
  readonly bigEndian: boolean;
}

const read: Readonly<Record<string, TransferSyntax>> = {
  '1.2.840.10008.1.2': { name: 'Implicit VR Little Endian', coding: 'native', bigEndian: false },
  '1.2.840.10008.1.2.1': { name: 'Explicit VR Little Endian', coding: 'native', bigEndian: false },
  '1.2.840.10008.1.2.1.99': { name: 'Deflated Explicit VR Little Endian', coding: 'native', bigEndian: false },
  '1.2.840.10008.1.2.2': { name: 'Explicit VR Big Endian', coding: 'native', bigEndian: true },
  '1.2.840.10008.1.2.4.50': { name: 'JPEG Baseline', coding: 'jpeg', bigEndian: false },
  '1.2.840.10008.1.2.4.51': { name: 'JPEG Extended', coding: 'jpeg', bigEndian: false },
  '1.2.840.10008.1.2.5': { name: 'RLE Lossless', coding: 'rle', bigEndian: false },
};

const toRaw = 'convert it to an uncompressed one, e.g. with "gdcmconv --raw" or "dcmconv" of DCMTK';
const toVideo = 'take the video stream out of it, e.g. with "gdcmraw", and give that as an MP4 file';

/** By the end of the UID after `1.2.840.10008.1.2.4.`, what else there is (DICOM PS3.6, table A-1). */
const others: readonly (readonly [ends: RegExp, name: string, fix: string])[] = [
  [/^(57|70)$/, 'JPEG Lossless', toRaw],
  [/^8[01]$/, 'JPEG-LS', toRaw],
  [/^9[0-3]$/, 'JPEG 2000', toRaw],
  [/^20[1-5]$/, 'High-Throughput JPEG 2000', toRaw],
  [/^10[01](\.1)?$/, 'MPEG-2 video', toVideo],
  [/^10[2-6](\.1)?$/, 'MPEG-4 video', toVideo],
  [/^10[78]$/, 'HEVC video', toVideo],
];

/** A transfer syntax that can be read. @throws BadInput naming any other and what to do about it. */
export function transferSyntax(uid: string, where: string): TransferSyntax {
  const found = read[uid];
  if (found !== undefined) return found;
  const known = others.find(([ends]) => ends.test(uid.replace('1.2.840.10008.1.2.4.', '')));
  throw new BadInput({
    where: `${where}, transfer syntax`,
    expected: 'uncompressed pixels, JPEG Baseline or RLE Lossless',
    got: known === undefined ? `"${printable(uid)}"` : known[1],
    fix: known?.[2] ?? toRaw,
  });
}
