import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { formatPredictions, readPredictions } from 'gemma-3ncore/analysis/predictions';
import { predicted, rowsOf } from './sample.js';

const header = 'study,view,split,model,seed,EDV,ESV,EF,EDV_pred,ESV_pred,EF_pred';
const folder = mkdtempSync(join(tmpdir(), 'predictions-'));
after(() => rmSync(folder, { recursive: true }));

function read(text: string) {
  const path = join(folder, 'p.csv');
  writeFileSync(path, text);
  return readPredictions(path);
}

describe('analysis/predictions', () => {
  it('writes the columns of predictions.csv and reads them back unchanged', async () => {
    const rows = rowsOf('distilled', predicted).map((row) => ({ ...row, study: `"a, b"\n<${row.study}>` }));
    const text = formatPredictions(rows.map((row) => ({ ...row, patient: 'not a column' })));
    assert.equal(text.split('\n')[0], header);
    assert.deepEqual(await read(text), rows);
  });

  it('names the row and column of a bad cell and a missing column', async () => {
    const row = (model: string, EF: string) => `${header}\ns,4CH,TEST,${model},0,1,2,${EF},4,5,6\n`;
    const message = 'p.csv, row 2, column EF: expected a number, got "x".';
    await assert.rejects(read(row('mean', 'x')), { name: 'BadInput', message });
    await assert.rejects(read(row('mean', '')), /column EF: expected a number, got ""/);
    await assert.rejects(read(row('student', '3')), /row 2, column model: expected one of distilled, .*"student"/);
    await assert.rejects(read('study,view\ns,4CH\n'), /p\.csv, row 1: expected a column split, got study,view/);
  });
});
