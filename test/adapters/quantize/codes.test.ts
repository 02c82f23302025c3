import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nestScales, quantizeDynamic, quantizeNf4 } from 'gemma-3ncore/adapters/quantize/blockwise';
import { roundHalfEven, roundToHalf } from 'gemma-3ncore/adapters/quantize/half';
import { quantizeInt8 } from 'gemma-3ncore/adapters/quantize/int8';
import { openSafetensors } from 'gemma-3ncore/files/safetensors';
import { dynamicTable, nf4Table } from 'gemma-3ncore/ops/quantization_tables';
import { golden } from '../../support/goldens.js';

describe('adapters/quantize/half', () => {
  it('rounds to half precision, ties to even', () => {
    // IEEE 754 binary16: 11 significant bits, smallest normal 2^-14, smallest step 2^-24, largest 65504.
    const cases: [number, number][] = [
      [1 + 2 ** -11, 1],
      [1 + 3 * 2 ** -11, 1 + 2 ** -9],
      [1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
      [-0.1, -0.0999755859375],
      [2 ** -15 + 2 ** -26, 2 ** -15],
      [1.5 * 2 ** -24, 2 ** -23],
      [2 ** -25, 0],
      [65519, 65504],
      [65520, Infinity],
    ];
    const values = Float32Array.from(cases, ([value]) => value);
    roundToHalf(values);
    cases.forEach(([value, half], i) => assert.equal(values[i], half, String(value)));
    assert.deepEqual([0.5, 1.5, 2.5, -0.5, -63.5].map(roundHalfEven), [0, 2, 2, 0, -64]);
  });
});

describe('adapters/quantize codes', () => {
  it('quantizes rows to 8 bits in half precision, a row of zeros to zeros', () => {
    const { codes, absmax } = quantizeInt8(Float32Array.of(0.5, -1, 0.1, 0, 0, 0, -2, 1, 0.01), 3);
    assert.deepEqual([...absmax], [1, 0, 2]);
    // 0.5 · 127 = 63.5 goes to the even 64, −2 to −127, 1 to 63.5 and 64, 0.01 to 0.6.
    assert.deepEqual([...codes], [64, -127, 13, 0, 0, 0, -127, 64, 1]);
  });

  it('quantizes blocks of 64 to 4 bits, a short last one too', () => {
    const values = Float32Array.from({ length: 66 }, (_, i) => (i < 64 ? i / 63 : i === 64 ? -4 : 2));
    const { packed, absmax } = quantizeNf4(values);
    assert.deepEqual([...absmax], [1, 4]);
    assert.equal(packed.length, 33);
    // 0 has code 7 and 1/63 too; −4 of 4 has code 0, 2 of 4 lies nearest to 0.4407 (code 12).
    assert.deepEqual([packed[0], packed[31]! & 15, packed[32]], [0x77, 15, 0x0c]);
    const zeros = quantizeNf4(new Float32Array(64));
    assert.deepEqual([zeros.packed[0], zeros.absmax[0]], [0x77, 0]);
  });

  it('gives a tie to the lower code', () => {
    const middle = Math.fround((nf4Table[14]! + nf4Table[15]!) / 2);
    assert.equal(quantizeNf4(Float32Array.of(1, middle)).packed[0], 0xfe);
  });

  it('has bitsandbytes’ dynamic map and takes its nearest entries around the scales’ mean', () => {
    const file = openSafetensors(golden('quant', 'case0_48x64.safetensors'));
    assert.deepEqual(dynamicTable, file.read('dyn8.code'));
    file.close();
    const absmax = Float32Array.from({ length: 300 }, (_, i) => 0.2 + Math.sin(i) / 10);
    const { codes, absmax: nested, offset } = nestScales(absmax);
    assert.equal(nested.length, 2);
    const back = Float32Array.from(codes, (code, i) => dynamicTable[code]! * nested[i >> 8]! + offset);
    // The widest step of the map is 0.0141 of the largest deviation, 0.1: half of it is the most that can be lost.
    assert.ok(back.every((value, i) => Math.abs(value - absmax[i]!) <= 0.0141 * 0.1));
    assert.deepEqual([...quantizeDynamic(Float32Array.of(0, 2, -2)).codes], [127, 255, 0]);
  });
});
