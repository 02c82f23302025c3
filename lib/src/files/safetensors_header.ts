import { BadInput, messageOf } from '../host/errors.js';
import { printable } from '../host/text.js';
import { isJsonObject, type JsonObject } from './json.js';

/** Bytes of one value by the name of its type in the file. */
export const dtypeBytes: ReadonlyMap<string, number> = new Map([
  ['F64', 8],
  ['F32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['I64', 8],
  ['I32', 4],
  ['I8', 1],
  ['U8', 1],
  ['BOOL', 1],
]);

/** One tensor of a safetensors file; `begin` counts from the start of the file. */
export interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly bytes: number;
}

export interface Header {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A value of a header as a message shows it. */
function shown(value: unknown): string {
  return printable(JSON.stringify(value) ?? 'nothing');
}

/** The place of an entry in a message. */
export function entryOf(where: string, name: string): string {
  return `${where}, entry ${printable(name, 200)}`;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isCount);
}

function parseEntry(where: string, value: unknown, data: { begin: number; end: number }): TensorEntry {
  const fail = (expected: string, got: unknown): never => {
    throw new BadInput({ where, expected, got: shown(got), fix: 'the file is damaged' });
  };
  if (!isJsonObject(value)) return fail('an object with dtype, shape and data_offsets', value);
  const { dtype, shape, data_offsets: offsets } = value;
  const size = typeof dtype === 'string' ? dtypeBytes.get(dtype) : undefined;
  if (size === undefined) return fail(`a dtype of ${[...dtypeBytes.keys()].join(', ')}`, dtype);
  if (!isCountList(shape)) return fail('a shape of whole numbers', shape);
  if (!isCountList(offsets) || offsets.length !== 2) return fail('data_offsets [begin, end]', offsets);
  const [begin, end] = offsets as [number, number];
  if (end < begin || data.begin + end > data.end) {
    return fail(`data_offsets within the ${data.end - data.begin} bytes of data`, offsets);
  }
  const bytes = shape.reduce((product, n) => product * n, size);
  if (end - begin !== bytes) return fail(`${bytes} bytes for ${String(dtype)} [${shape.join(', ')}]`, end - begin);
  return { dtype: dtype as string, shape, begin: data.begin + begin, bytes };
}

function parseMetadata(where: string, value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (isJsonObject(value) && Object.values(value).every((text) => typeof text === 'string')) {
    return value as Record<string, string>;
  }
  throw new BadInput({ where: `${where}, __metadata__`, expected: 'an object of texts', got: shown(value) });
}

/** The tensors have to fill the data without gap or overlap, as the format demands. */
function checkCoverage(where: string, entries: ReadonlyMap<string, TensorEntry>, begin: number, end: number): void {
  let reached = begin;
  const ordered = [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.bytes - b.bytes);
  for (const [name, entry] of ordered) {
    if (entry.begin !== reached) {
      const got = `${entry.begin < reached ? 'an overlap with' : 'a gap before'} the data at byte ${entry.begin}`;
      throw new BadInput({ where: entryOf(where, name), expected: `data from byte ${reached}`, got });
    }
    reached += entry.bytes;
  }
  if (reached !== end) {
    throw new BadInput({ where, expected: `${reached} bytes as its header declares`, got: `${end} bytes` });
  }
}

/** Checks the text of a header against the size of its file; `where` names the file. */
export function parseHeader(where: string, text: string, dataBegin: number, fileSize: number): Header {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new BadInput(
      { where, expected: 'a safetensors header in JSON', got: printable(messageOf(error), 120) },
      { cause: error },
    );
  }
  if (!isJsonObject(json)) throw new BadInput({ where, expected: 'a safetensors header', got: 'JSON of another kind' });
  const { __metadata__: metadata, ...tensors }: JsonObject = json;
  const data = { begin: dataBegin, end: fileSize };
  const entries = new Map(
    Object.entries(tensors).map(([name, value]) => [name, parseEntry(entryOf(where, name), value, data)]),
  );
  checkCoverage(where, entries, dataBegin, fileSize);
  return { entries, metadata: parseMetadata(where, metadata) };
}
