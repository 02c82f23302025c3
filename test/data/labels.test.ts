import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ejectionFraction, readLabels, readSplit } from 'gemma-3ncore/data/labels';
import { parseNumber } from 'gemma-3ncore/data/tracings';

describe('data/labels', () => {
  it('takes decimal numbers for numbers and nothing else', () => {
    for (const [text, value] of [
      ['60', 60],
      ['-0.5', -0.5],
      ['.5', 0.5],
      ['6.02e1', 60.2],
    ] as const) {
      assert.equal(parseNumber(text), value);
    }
    for (const text of ['', ' ', '0x10', '1,5', 'nan', 'Infinity', '1 2', '1e', '--1']) {
      assert.ok(Number.isNaN(parseNumber(text)), text);
    }
  });

  it('accepts labels up to five points between EF and volumes', () => {
    assert.equal(ejectionFraction(100, 40), 60);
    const reasons = (EF: string): readonly string[] => readLabels({ EF, ESV: '40', EDV: '100' }).reasons;
    assert.deepEqual(reasons('65'), []);
    assert.deepEqual(reasons('55'), []);
    assert.equal(reasons('65.1').length, 1);
    assert.equal(reasons('54.9').length, 1);
  });

  it('knows a split in any case', () => {
    assert.deepEqual(['Train', 'VAL', 'test', '', 'fold 1'].map(readSplit), ['TRAIN', 'VAL', 'TEST', null, null]);
  });
});
