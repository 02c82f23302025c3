import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { duplicateRows } from 'gemma-3ncore/data/duplicates';

const rows = (...said: [key: string, content: string][]) =>
  said.map(([key, content], i) => ({ row: i + 2, key, content }));

describe('data/duplicates', () => {
  it('lets the first of rows count that say the same, and none of those that differ', () => {
    const found = duplicateRows(rows(['a', '1'], ['b', '1'], ['a', '1'], ['c', '1'], ['c', '2'], ['c', '1']));
    assert.deepEqual(
      [...found],
      [
        [4, 'duplicate row: row 4 says the same as row 2'],
        ...[5, 6, 7].map((row) => [row, 'duplicate rows that differ: rows 5, 6, 7']),
      ],
    );
    assert.equal(duplicateRows([]).size, 0);
  });

  it('takes no name for a property of objects', () => {
    assert.equal(duplicateRows(rows(['__proto__', '1'], ['constructor', '1'])).size, 0);
    assert.equal(duplicateRows(rows(['__proto__', '1'], ['__proto__', '1'])).size, 1);
  });
});
