/** IEEE 754 half precision to a number. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

let halfValues: Float32Array | undefined;

function decodeHalf(stored: Uint16Array): Float32Array {
  const table = (halfValues ??= Float32Array.from({ length: 0x10000 }, (_, bits) => fromHalf(bits)));
  const values = new Float32Array(stored.length);
  for (let i = 0; i < stored.length; i++) values[i] = table[stored[i] as number] as number;
  return values;
}

/** bfloat16 is the upper half of float32, so widening is a shift of bits. */
function decodeBfloat16(stored: Uint16Array): Float32Array {
  const bits = new Uint32Array(stored.length);
  for (let i = 0; i < stored.length; i++) bits[i] = (stored[i] as number) << 16;
  return new Float32Array(bits.buffer);
}

/** The arguments of a typed array of `size` bytes a value over the same memory, or over a copy where it is not aligned. */
function placed(bytes: Uint8Array, size: number): [ArrayBufferLike, number, number] {
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return [aligned.buffer, aligned.byteOffset, bytes.byteLength / size];
}

/**
 * The values of a tensor stored little-endian (the order of every platform that has an engine) as `dtype`, as float32, which
 * rounds F64, I32 and I64. For F32 the result may share the memory of `bytes`.
 */
export function toFloat32(dtype: string, bytes: Uint8Array): Float32Array {
  switch (dtype) {
    case 'F32':
      return new Float32Array(...placed(bytes, 4));
    case 'F16':
      return decodeHalf(new Uint16Array(...placed(bytes, 2)));
    case 'BF16':
      return decodeBfloat16(new Uint16Array(...placed(bytes, 2)));
    case 'F64':
      return new Float32Array(new Float64Array(...placed(bytes, 8)));
    case 'I8':
      return new Float32Array(new Int8Array(...placed(bytes, 1)));
    case 'U8':
    case 'BOOL':
      return new Float32Array(bytes);
    case 'I32':
      return new Float32Array(new Int32Array(...placed(bytes, 4)));
    case 'I64':
      return Float32Array.from(new BigInt64Array(...placed(bytes, 8)), Number);
    default:
      throw new Error(`no such dtype in a safetensors file: ${dtype}`);
  }
}
