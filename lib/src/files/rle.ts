/**
 * Unpacks a segment of DICOM's RLE Lossless (PackBits; PS3.5, annex G.3.1) into `target`; false where it holds fewer bytes
 * than that. What stands beyond is padding.
 */
function unpack(segment: Uint8Array, target: Uint8Array): boolean {
  let at = 0;
  let filled = 0;
  while (filled < target.length && at + 1 < segment.length) {
    const control = segment[at++] as number;
    if (control === 128) continue;
    if (control < 128) {
      const run = segment.subarray(at, at + Math.min(control + 1, target.length - filled));
      target.set(run, filled);
      filled += run.length;
      at += control + 1;
    } else {
      const end = Math.min(target.length, filled + 257 - control);
      target.fill(segment[at++] as number, filled, end);
      filled = end;
    }
  }
  return filled === target.length;
}

/**
 * A frame of DICOM's RLE Lossless with 8-bit samples: its planes of `size` bytes one after the other. Undefined where it is
 * not made of so many whole planes.
 */
export function decodeRle(bytes: Buffer, planes: number, size: number): Uint8Array | undefined {
  if (bytes.length < 64 || bytes.readUInt32LE(0) !== planes) return undefined;
  const starts = Array.from({ length: planes }, (_, i) => bytes.readUInt32LE(4 + 4 * i));
  const values = new Uint8Array(planes * size);
  const whole = starts.every((start, i) => {
    const end = starts[i + 1] ?? bytes.length;
    return start >= 64 && unpack(bytes.subarray(start, end), values.subarray(i * size, (i + 1) * size));
  });
  return whole ? values : undefined;
}
