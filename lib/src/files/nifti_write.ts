import { gzipSync } from 'node:zlib';

/** An 8-bit image to be written: sizes of its axes (x fastest, then y, then t) and spacing along x and y, mm. */
export interface ByteVolume {
  readonly shape: readonly number[];
  readonly spacing: readonly [x: number, y: number];
  readonly values: Uint8Array;
}

const DATA_AT = 352;
const UINT8 = 2;
const MILLIMETRES = 2;

/** A NIfTI-1 file of 8-bit values, little-endian and not packed. */
export function encodeNifti({ shape, spacing, values }: ByteVolume): Buffer {
  const header = Buffer.alloc(DATA_AT);
  header.writeInt32LE(348, 0);
  header.writeInt16LE(shape.length, 40);
  for (let axis = 0; axis < 7; axis++) header.writeInt16LE(shape[axis] ?? 1, 42 + 2 * axis);
  header.writeInt16LE(UINT8, 70);
  header.writeInt16LE(8, 72);
  for (let axis = 0; axis < 8; axis++) header.writeFloatLE(1, 76 + 4 * axis);
  header.writeFloatLE(spacing[0], 80);
  header.writeFloatLE(spacing[1], 84);
  header.writeFloatLE(DATA_AT, 108);
  header.writeFloatLE(1, 112);
  header.writeUInt8(MILLIMETRES, 123);
  header.write('n+1\0', 344, 'latin1');
  return Buffer.concat([header, values]);
}

/** The file packed by gzip (`.nii.gz`), as CAMUS stores it. */
export function encodeNiftiGz(volume: ByteVolume): Buffer {
  return gzipSync(encodeNifti(volume));
}
