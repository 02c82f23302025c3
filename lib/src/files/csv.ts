import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { stringify } from 'csv-stringify/sync';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { unreadable, withByteFile } from './byte_file.js';

/** One row of a CSV file, cut down to the columns asked for. */
export interface CsvRow<Column extends string> {
  /** As a spreadsheet counts: the header is row 1. */
  readonly row: number;
  readonly values: Readonly<Record<Column, string>>;
  /** What is wrong with a row that has more fields than the header; null where all is well. */
  readonly fault: string | null;
}

/** Longest row in characters; an unclosed quote would otherwise swallow the file. */
const longestRow = 65536;

const faults: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote that is never closed',
  CSV_MAX_RECORD_SIZE: 'a longer one, perhaps by a quote that is never closed',
  CSV_NON_TRIMABLE_CHAR_AFTER_CLOSING_QUOTE: 'one with text after a closing quote',
};

/** What is often taken for a table of text, by its first bytes. */
const others: readonly (readonly [start: string, kind: string])[] = [
  ['PK\x03\x04', 'a spreadsheet or ZIP file'],
  ['\xd0\xcf\x11\xe0', 'an old spreadsheet'],
  ['\x1f\x8b', 'a file packed by gzip'],
  ['%PDF', 'a PDF file'],
];

function checkText(path: string): void {
  const start = withByteFile(path, (file) => file.read(0, 4).toString('latin1'));
  const other = others.find(([bytes]) => start.startsWith(bytes));
  if (other === undefined) return;
  const fix = 'save it as comma-separated values';
  throw new BadInput({ where: `${basename(path)}, row 1`, expected: 'comma-separated text', got: other[1], fix });
}

/** The encoding by byte order mark, else by where the zero bytes of ASCII text stand. */
function encodingOf(path: string): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const start = withByteFile(path, (file) => file.read(0, 2));
  if (start.length < 2) return 'utf-8';
  const [first, second] = start;
  if ((first === 0xff && second === 0xfe) || second === 0) return 'utf-16le';
  if ((first === 0xfe && second === 0xff) || first === 0) return 'utf-16be';
  return 'utf-8';
}

async function* decoded(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encodingOf(path));
  for await (const chunk of createReadStream(path)) yield decoder.decode(chunk as Buffer, { stream: true });
  yield decoder.decode();
}

interface RawRow {
  readonly record: string[];
  readonly info: { readonly lines: number };
}

async function* rawRows(path: string): AsyncGenerator<RawRow> {
  checkText(path);
  const parser = parse({
    info: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    trim: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    max_record_size: longestRow,
  });
  const text = Readable.from(decoded(path));
  text.once('error', (error) => parser.destroy(error));
  try {
    for await (const row of text.pipe(parser)) yield row as RawRow;
  } catch (error) {
    if (!(error instanceof CsvError)) throw unreadable(path, error);
    const row = parser.info.records + parser.info.empty_lines + 1;
    const got = faults[error.code] ?? printable(error.code);
    throw new BadInput(
      {
        where: `${basename(path)}, row ${row}`,
        expected: `rows of at most ${longestRow} characters`,
        got,
      },
      { cause: error },
    );
  } finally {
    text.destroy();
  }
}

/** The names of the columns; an empty file has none. */
export async function csvHeader(path: string): Promise<string[]> {
  for await (const { record } of rawRows(path)) return record;
  return [];
}

/** Where each column stands, or {@link BadInput} naming the file and the column that is missing or ambiguous. */
function positionsOf(header: readonly string[], columns: readonly string[], file: string): number[] {
  return columns.map((column) => {
    const position = header.indexOf(column);
    if (position >= 0 && header.indexOf(column, position + 1) < 0) return position;
    if (position >= 0) {
      throw new BadInput({ where: `${file}, row 1`, expected: `one column ${column}`, got: 'several of that name' });
    }
    const only = header.length === 1 ? (header[0] ?? '') : '';
    const separator = only.includes(';') ? 'semicolons' : only.includes('\t') ? 'tabs' : undefined;
    if (separator !== undefined) {
      throw new BadInput({
        where: `${file}, row 1`,
        expected: `columns separated by commas, with a column ${column}`,
        got: separator,
        fix: 'save it as comma-separated values with decimal points',
      });
    }
    throw new BadInput({
      where: `${file}, row 1`,
      expected: `a column ${column}`,
      got: header.length === 0 ? 'an empty file' : printable(header.join(','), 200),
    });
  });
}

/**
 * Says where a comma too many may have moved fields. Empty fields at the end are none (spreadsheets write them to fill a
 * table), and a note at the end, in a column that nobody asked for, may hold commas.
 */
function faultOf(record: readonly string[], width: number, row: number): string | null {
  let filled = record.length;
  while (filled > width && record[filled - 1] === '') filled -= 1;
  return filled <= width ? null : `row has too many fields: row ${row} has ${filled}, the header ${width}`;
}

/**
 * The rows of a CSV file with a header, read as a stream: UTF-8 or UTF-16, with or without byte order mark, any line end,
 * quoted fields, further columns ignored, a short row filled with ''. A missing column is {@link BadInput}.
 */
export async function* csvRows<Column extends string>(
  path: string,
  columns: readonly Column[],
): AsyncGenerator<CsvRow<Column>> {
  let positions: number[] | undefined;
  let width = 0;
  for await (const { record, info } of rawRows(path)) {
    if (positions === undefined) {
      positions = positionsOf(record, columns, basename(path));
      width = Math.max(...positions) === record.length - 1 ? record.length : Infinity;
      continue;
    }
    const at = positions;
    const values = Object.fromEntries(columns.map((column, i) => [column, record[at[i] as number] ?? '']));
    const fault = faultOf(record, width, info.lines);
    yield { row: info.lines, values: values as Record<Column, string>, fault };
  }
  if (positions === undefined) positionsOf([], columns, basename(path));
}

/** CSV text with a header; `null` becomes an empty field. */
export function toCsv<Column extends string>(
  columns: readonly Column[],
  rows: Iterable<Readonly<Record<Column, string | number | boolean | null>>>,
): string {
  return stringify([...rows], { header: true, columns: [...columns], cast: { boolean: String } });
}
