/** IEEE 754 half precision to a number. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function decode(count: number, value: (i: number) => number): Float32Array {
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) values[i] = value(i);
  return values;
}

/** Upper halves of float32, so widening is a shift of bits. */
function fromBfloat16(view: DataView, count: number): Float32Array {
  const bits = new Uint32Array(count);
  for (let i = 0; i < count; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  return new Float32Array(bits.buffer);
}

/**
 * The values of a tensor stored little-endian (the order of every platform that Node supports well) as `dtype`, as float32,
 * which rounds F64, I32 and I64. For F32 the result may share the memory of `bytes`.
 */
export function toFloat32(dtype: string, bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const n = bytes.byteLength;
  const aligned = bytes.byteOffset % 4 === 0 ? bytes.byteOffset : 0;
  switch (dtype) {
    case 'F32':
      return new Float32Array(bytes.byteOffset % 4 === 0 ? bytes.buffer : bytes.slice().buffer, aligned, n / 4);
    case 'F16':
      return decode(n / 2, (i) => fromHalf(view.getUint16(2 * i, true)));
    case 'BF16':
      return fromBfloat16(view, n / 2);
    case 'F64':
      return decode(n / 8, (i) => view.getFloat64(8 * i, true));
    case 'I8':
      return decode(n, (i) => view.getInt8(i));
    case 'U8':
    case 'BOOL':
      return decode(n, (i) => view.getUint8(i));
    case 'I32':
      return decode(n / 4, (i) => view.getInt32(4 * i, true));
    case 'I64':
      return decode(n / 8, (i) => Number(view.getBigInt64(8 * i, true)));
    default:
      throw new Error(`no such dtype in a safetensors file: ${dtype}`);
  }
}
