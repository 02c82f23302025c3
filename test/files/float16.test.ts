import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { float16Data } from 'gemma-3ncore/files/float16';
import { toFloat32 } from 'gemma-3ncore/files/safetensors_values';

function bitsOf(...values: number[]): number[] {
  const { data } = float16Data(Float32Array.from(values), [values.length]);
  return [...new Uint16Array(data.buffer)];
}

describe('files/float16', () => {
  it('gives back every half-precision number bit by bit', () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((bits) => (bits & 0x7fff) <= 0x7c00);
    const wide = toFloat32('F16', new Uint8Array(all.buffer));
    const { data, dtype } = float16Data(wide, [all.length]);
    assert.equal(dtype, 'F16');
    assert.deepEqual(new Uint16Array(data.buffer), all);
  });

  it('rounds to the nearest, ties to even (numpy.float16)', () => {
    assert.deepEqual(bitsOf(1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -20), [0x3c00, 0x3c02, 0x3c01]);
    assert.deepEqual(bitsOf(0.1, -3.14159, 65519.99), [0x2e66, 0xc248, 0x7bff]);
    // Subnormal: half and one and a half of the smallest, and just above a half.
    assert.deepEqual(bitsOf(2 ** -25, 1.5 * 2 ** -24, 2 ** -25 * 1.001, 2 ** -26), [0, 2, 1, 0]);
    assert.deepEqual(bitsOf(2 ** -14 - 2 ** -25 - 2 ** -30, 2 ** -14 - 2 ** -26), [0x03ff, 0x0400]);
  });

  it('makes what is too large infinite and keeps NaN', () => {
    assert.deepEqual(bitsOf(65520, -1e30, Infinity, 1e-40), [0x7c00, 0xfc00, 0x7c00, 0]);
    assert.ok(Number.isNaN(toFloat32('F16', new Uint8Array(float16Data(Float32Array.of(NaN), [1]).data))[0]));
  });
});
