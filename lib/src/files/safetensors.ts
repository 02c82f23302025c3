import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { fileError, writeFileAtomic } from './atomic.js';
import { isJsonObject, readJsonObject } from './json.js';
import { dtypeBytes, entryOf, parseHeader, type Header, type TensorEntry } from './safetensors_header.js';
import { toFloat32 } from './safetensors_values.js';

/** The tensors of a checkpoint by name, read one at a time (a TensorSource of tree/params that holds files open). */
export interface OpenTensorSource {
  /** The file, or the index of several. */
  readonly where: string;
  names(): Iterable<string>;
  shapeOf(name: string): readonly number[];
  /** The values as float32, whatever the stored type. */
  read(name: string): Float32Array;
  dtypeOf(name: string): string;
  /** The stored bytes, little-endian. */
  bytes(name: string): Uint8Array;
  /** Some of the stored bytes, for tensors that are not to be held as a whole. */
  range(name: string, begin: number, length: number): Uint8Array;
  readonly metadata: Readonly<Record<string, string>>;
  close(): void;
}

const largestHeader = 100_000_000;
const largestRead = 2 ** 30;
/** The name of a file in the same folder. */
const fileName = /^(?!\.{1,2}$)[^/\\\0]{1,255}$/;

/**
 * One safetensors file: its header is read and checked as a whole when it is opened, its tensors one at a time.
 * `close` it when done.
 */
export class SafetensorsFile implements OpenTensorSource {
  private readonly file: number;
  private readonly header: Header;

  /** @throws BadInput when the file is missing, is no safetensors file or contradicts itself. */
  constructor(readonly where: string) {
    try {
      this.file = openSync(where, 'r');
    } catch (error) {
      throw fileError(error, where, 'a readable safetensors file');
    }
    try {
      this.header = this.readHeader();
    } catch (error) {
      this.close();
      throw fileError(error, where, 'a readable safetensors file');
    }
  }

  private readHeader(): Header {
    const { size } = fstatSync(this.file);
    const fail = (expected: string, got: string): never => {
      throw new BadInput({ where: this.where, expected, got, fix: 'the file is damaged or of another kind' });
    };
    if (size < 8) fail('a safetensors file', `${size} bytes`);
    const declared = Buffer.from(this.readRange(0, 8)).readBigUInt64LE();
    if (declared > BigInt(Math.min(largestHeader, size - 8))) {
      fail(`a header of at most ${Math.min(largestHeader, size - 8)} bytes`, `one of ${declared} bytes`);
    }
    const length = Number(declared);
    return parseHeader(this.where, Buffer.from(this.readRange(8, length)).toString('utf8'), 8 + length, size);
  }

  private readRange(begin: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const read = readSync(this.file, bytes, done, Math.min(length - done, largestRead), begin + done);
      if (read === 0) {
        throw new BadInput({ where: this.where, expected: `${begin + length} bytes`, got: `${begin + done}` });
      }
      done += read;
    }
    return bytes;
  }

  private entry(name: string): TensorEntry {
    const entry = this.header.entries.get(name);
    if (entry === undefined) {
      throw new BadInput({ where: this.where, expected: `an entry ${printable(name, 200)}`, got: 'none of that name' });
    }
    return entry;
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.header.metadata;
  }

  names(): Iterable<string> {
    return this.header.entries.keys();
  }

  shapeOf(name: string): readonly number[] {
    return this.entry(name).shape;
  }

  dtypeOf(name: string): string {
    return this.entry(name).dtype;
  }

  bytes(name: string): Uint8Array {
    return this.range(name, 0, this.entry(name).bytes);
  }

  range(name: string, begin: number, length: number): Uint8Array {
    const entry = this.entry(name);
    if (begin < 0 || begin + length > entry.bytes) {
      throw new Error(`${name} has ${entry.bytes} bytes; asked for ${length} from ${begin} on`);
    }
    return this.readRange(entry.begin + begin, length);
  }

  read(name: string): Float32Array {
    return toFloat32(this.dtypeOf(name), this.bytes(name));
  }

  close(): void {
    closeSync(this.file);
  }
}

/**
 * The file of each tensor by an index `{"weight_map": {name: file}}` (transformers), all beside it.
 * @throws BadInput when it is no index or points elsewhere.
 */
export function readWeightMap(where: string): ReadonlyMap<string, string> {
  const { weight_map: map } = readJsonObject(where);
  if (!isJsonObject(map)) {
    throw new BadInput({ where, expected: 'an object weight_map', got: printable(JSON.stringify(map) ?? 'none') });
  }
  const files = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !fileName.test(file)) {
      const got = printable(JSON.stringify(file));
      throw new BadInput({ where: entryOf(where, name), expected: 'the name of a file beside it', got });
    }
    files.set(name, file);
  }
  return files;
}

/**
 * A checkpoint cut into several files, with its index. A file is opened when an entry of it is first asked for, so that
 * those of other models may be absent.
 */
class ShardedSafetensors implements OpenTensorSource {
  private readonly shards = new Map<string, SafetensorsFile>();
  private readonly fileOf: ReadonlyMap<string, string>;

  constructor(readonly where: string) {
    this.fileOf = readWeightMap(where);
  }

  private holder(name: string): SafetensorsFile {
    const file = this.fileOf.get(name);
    if (file === undefined) {
      const expected = `an entry ${printable(name, 200)}`;
      throw new BadInput({ where: this.where, expected, got: 'none of that name' });
    }
    const shard = this.shards.get(file) ?? this.open(name, file);
    this.shards.set(file, shard);
    return shard;
  }

  private open(name: string, file: string): SafetensorsFile {
    const path = join(dirname(this.where), file);
    if (existsSync(path)) return new SafetensorsFile(path);
    const expected = `${printable(file)} beside it`;
    throw new BadInput({ where: entryOf(this.where, name), expected, got: 'no such file' });
  }

  /** Of the files that have been opened. */
  get metadata(): Readonly<Record<string, string>> {
    return Object.assign({}, ...[...this.shards.values()].map((shard) => shard.metadata)) as Record<string, string>;
  }

  names(): Iterable<string> {
    return this.fileOf.keys();
  }

  shapeOf(name: string): readonly number[] {
    return this.holder(name).shapeOf(name);
  }

  dtypeOf(name: string): string {
    return this.holder(name).dtypeOf(name);
  }

  bytes(name: string): Uint8Array {
    return this.holder(name).bytes(name);
  }

  range(name: string, begin: number, length: number): Uint8Array {
    return this.holder(name).range(name, begin, length);
  }

  read(name: string): Float32Array {
    return this.holder(name).read(name);
  }

  close(): void {
    for (const shard of this.shards.values()) shard.close();
  }
}

/**
 * Opens a checkpoint: a `.safetensors` file, a `.safetensors.index.json`, or a folder that holds `model.safetensors` or
 * its index.
 * @throws BadInput when there is none or it is damaged.
 */
export function openSafetensors(path: string): OpenTensorSource {
  if (!existsSync(path)) throw new BadInput({ where: path, expected: 'a checkpoint', got: 'no such file or folder' });
  if (!statSync(path).isDirectory()) {
    return path.endsWith('.json') ? new ShardedSafetensors(path) : new SafetensorsFile(path);
  }
  const [single, index] = [join(path, 'model.safetensors'), join(path, 'model.safetensors.index.json')];
  if (existsSync(single)) return new SafetensorsFile(single);
  if (existsSync(index)) return new ShardedSafetensors(index);
  const expected = 'model.safetensors or model.safetensors.index.json in it';
  throw new BadInput({ where: path, expected, got: 'neither' });
}

/** A tensor to be written: its type in the file and its values as they are stored. */
export interface TensorData {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * A tensor whose values are made, as a whole or piece by piece, when their turn to be written comes, so that not all have to
 * be in memory at once.
 */
export interface StreamedTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  make(): Uint8Array | Iterable<Uint8Array>;
}

/** What {@link writeSafetensors} writes. */
export type Writable = TensorData | StreamedTensor;

/** float32 values as a tensor to be written. */
export function float32Data(values: Float32Array, shape: readonly number[]): TensorData {
  return { dtype: 'F32', shape, data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/** The bytes that a tensor takes in a file. */
export function byteLengthOf({ dtype, shape }: Pick<TensorData, 'dtype' | 'shape'>): number {
  return shape.reduce((product, n) => product * n, dtypeBytes.get(dtype) ?? NaN);
}

function* valuesOf(name: string, tensor: Writable): Generator<Uint8Array> {
  const values = 'make' in tensor ? tensor.make() : tensor.data;
  let made = 0;
  for (const piece of values instanceof Uint8Array ? [values] : values) {
    made += piece.byteLength;
    yield piece;
  }
  if (made === byteLengthOf(tensor)) return;
  const size = `${tensor.dtype} [${tensor.shape.join(', ')}] takes ${byteLengthOf(tensor)} bytes`;
  throw new Error(`${name}: ${size}, got ${made}`);
}

/** The file in pieces; names sorted by code unit, so that equal tensors give equal bytes. */
function* pieces(tensors: ReadonlyMap<string, Writable>, metadata: Readonly<Record<string, string>>) {
  const names = [...tensors.keys()].sort();
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header['__metadata__'] = Object.fromEntries(Object.entries(metadata).sort());
  let offset = 0;
  for (const name of names) {
    const tensor = tensors.get(name) as Writable;
    const { dtype, shape } = tensor;
    header[name] = { dtype, shape, data_offsets: [offset, (offset += byteLengthOf(tensor))] };
  }
  const json = Buffer.from(JSON.stringify(header));
  const padded = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  json.copy(padded, 8);
  yield padded as Uint8Array;
  for (const name of names) yield* valuesOf(name, tensors.get(name) as Writable);
}

/**
 * Writes a safetensors file atomically; the same tensors and metadata give the same bytes.
 * @throws BadInput when the file cannot be written.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Writable>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomic(path, pieces(tensors, metadata));
}
