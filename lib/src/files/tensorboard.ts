/** CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of each byte value. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C of some bytes (RFC 3720, appendix B.4). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] as number);
  return ~crc >>> 0;
}

/** The checksum as TFRecord files store it (tensorflow/core/lib/hash/crc32c.h, `Mask`). */
function maskedCrc(bytes: Uint8Array): Buffer {
  const crc = crc32c(bytes);
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return masked;
}

/** One record of a TFRecord file: length, its checksum, the content, its checksum. */
function tfRecord(content: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(content.length));
  return Buffer.concat([length, maskedCrc(length), content, maskedCrc(content)]);
}

/** A number ≥ 0 in protobuf's base 128, the least significant seven bits first. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

type WireType = 'varint' | 'fixed64' | 'bytes' | 'fixed32';
const wireNumbers: Readonly<Record<WireType, number>> = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 };

function field(number: number, type: WireType, content: Uint8Array): Buffer {
  const key = varint((number << 3) | wireNumbers[type]);
  return type === 'bytes' ? Buffer.concat([key, varint(content.length), content]) : Buffer.concat([key, content]);
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

function float(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

/** The first record of an event file (tensorflow/core/util/event.proto): which version of the format follows. */
export function versionRecord(seconds: number): Buffer {
  return tfRecord(
    Buffer.concat([field(1, 'fixed64', double(seconds)), field(3, 'bytes', Buffer.from('brain.Event:2'))]),
  );
}

/**
 * A record with scalars of one step (event.proto's Event with a Summary of simple values, summary.proto).
 * @param seconds since 1970
 */
export function scalarsRecord(seconds: number, step: number, scalars: Readonly<Record<string, number>>): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    field(1, 'bytes', Buffer.concat([field(1, 'bytes', Buffer.from(tag)), field(2, 'fixed32', float(value))])),
  );
  return tfRecord(
    Buffer.concat([
      field(1, 'fixed64', double(seconds)),
      field(2, 'varint', varint(step)),
      field(5, 'bytes', Buffer.concat(values)),
    ]),
  );
}
