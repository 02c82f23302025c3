import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { csvHeader, csvRows, toCsv } from 'gemma-3ncore/files/csv';
import { BadInput } from 'gemma-3ncore/host/errors';
import { useTemporaryFolder } from '../support/folder.js';

const folder = useTemporaryFolder()('csv');

async function rowsOf(content: string | Buffer): Promise<[number, string, string][]> {
  const path = join(folder, 'table.csv');
  writeFileSync(path, content);
  const rows: [number, string, string][] = [];
  for await (const { row, values } of csvRows(path, ['a', 'b'])) rows.push([row, values.a, values.b]);
  return rows;
}

const plain = 'a,b\n1,2\n3,4\n';
const expected = [
  [2, '1', '2'],
  [3, '3', '4'],
];

describe('files/csv', () => {
  it('reads the same rows in every common dress', async () => {
    const utf16be = Buffer.from(`\ufeff${plain}`, 'utf16le').swap16();
    const dresses: (string | Buffer)[] = [
      plain,
      `\ufeff${plain}`,
      plain.replaceAll('\n', '\r\n'),
      plain.replaceAll('\n', '\r'),
      'a,b\n1,2\r\n3,4',
      '"a","b"\n"1","2"\n"3","4"\n',
      'x,b,y,a\n-,2,-,1\n-,4,-,3\n',
      ' a , b \n 1 , 2 \n 3 , 4 \n',
      Buffer.from(`\ufeff${plain}`, 'utf16le'),
      Buffer.from(plain, 'utf16le'),
      utf16be,
      'a,b,c\n1,2\n3,4,5,6,7\n',
    ];
    for (const dress of dresses) assert.deepEqual(await rowsOf(dress), expected, JSON.stringify(String(dress)));
  });

  it('counts rows as a spreadsheet does and fills short ones', async () => {
    assert.deepEqual(await rowsOf('a,b\n\n1\n"x\ny",2\n'), [
      [3, '1', ''],
      [5, 'x\ny', '2'],
    ]);
  });

  it('names the file and what is wrong with its columns', async () => {
    const refused: [string, RegExp][] = [
      ['', /table\.csv, row 1: expected a column a, got an empty file/],
      ['a,c\n1,2\n', /table\.csv, row 1: expected a column b, got a,c/],
      ['a;b\n1;2\n', /separated by commas, with a column a, got semicolons/],
      ['a\tb\n1\t2\n', /got tabs/],
      ['a,b,a\n1,2,3\n', /expected one column a, got several/],
      [`a,b\n1,"2\n${'x,y\n'.repeat(10)}`, /table\.csv, row 2: .* got a quote that is never closed/],
      [
        `a,b\n1,"2\n${'x,y\n'.repeat(40000)}`,
        /table\.csv, row 2: expected rows of at most 65536 characters, got a longer one/,
      ],
    ];
    for (const [content, sentence] of refused) {
      await assert.rejects(rowsOf(content), (error) => error instanceof BadInput && sentence.test(error.message));
    }
  });

  it('names rows with more fields than the header, but for empty ones and notes at the end', async () => {
    const faultsOf = async (content: string): Promise<(string | null)[]> => {
      const path = join(folder, 'wide.csv');
      writeFileSync(path, content);
      const faults: (string | null)[] = [];
      for await (const { fault } of csvRows(path, ['a', 'b'])) faults.push(fault);
      return faults;
    };
    assert.deepEqual(await faultsOf('a,b\n1,2\n3\n1,2,,,\n1,2,3\n'), [
      ...[null, null, null],
      'row has too many fields: row 5 has 3, the header 2',
    ]);
    assert.deepEqual(await faultsOf('a,b,note\n1,2,so, so\n'), [null]);
    assert.deepEqual(await faultsOf('note,b,a\nso, so,2,1\n'), ['row has too many fields: row 2 has 4, the header 3']);
  });

  it('gives the header alone, and says of a missing file that it is', async () => {
    const path = join(folder, 'header.csv');
    writeFileSync(path, 'FileName,X,Y,Frame\n');
    assert.deepEqual(await csvHeader(path), ['FileName', 'X', 'Y', 'Frame']);
    await assert.rejects(
      csvHeader(join(folder, 'absent.csv')),
      /^BadInput: absent\.csv: expected a file .*, got ENOENT \(nothing of that name\)\.$/,
    );
  });

  it('writes quoted text, empty fields and booleans that read back', async () => {
    const text = toCsv(
      ['a', 'b'],
      [
        { a: 'x, "y"\n', b: null },
        { a: true, b: 0.5 },
      ],
    );
    assert.deepEqual(await rowsOf(text), [
      [3, 'x, "y"\n', ''],
      [4, 'true', '0.5'],
    ]);
  });
});
