import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatPredictions, parsePredictions } from 'gemma-3ncore/analysis/predictions';
import { predicted, rowsOf } from './sample.js';

const header = 'study,view,split,model,seed,EDV,ESV,EF,EDV_pred,ESV_pred,EF_pred';

describe('analysis/predictions', () => {
  it('writes the columns of predictions.csv and reads them back unchanged', () => {
    const rows = rowsOf('distilled', predicted).map((row) => ({ ...row, study: `"a, b"\n<${row.study}>` }));
    const text = formatPredictions(rows.map((row) => ({ ...row, patient: 'not a column' })));
    assert.equal(text.split('\n')[0], header);
    assert.deepEqual(parsePredictions(text, 'predictions.csv'), rows);
  });

  it('names the row and column of a bad cell and a missing column', () => {
    const row = (model: string, EF: string) => `${header}\ns,4CH,TEST,${model},0,1,2,${EF},4,5,6\n`;
    const read = (text: string) => () => parsePredictions(text, 'p.csv');
    assert.throws(read(row('mean', 'x')), { message: 'p.csv, row 1, column EF: expected a number, got "x".' });
    assert.throws(read(row('student', '3')), /p\.csv, row 1, column model: expected one of distilled, .*"student"/);
    assert.throws(read('study,view\ns,4CH\n'), /p\.csv: expected a column split, got study,view/);
    assert.throws(read('a,b\n1\n'), { name: 'BadInput' });
  });
});
