import * as tf from '@tensorflow/tfjs';
import { bytesOf } from '../../engine/bytes.js';
import { isJsonObject, type JsonObject } from '../../files/json.js';
import { float32Data, writeSafetensors, type OpenTensorSource, type TensorData } from '../../files/safetensors.js';
import { BadInput } from '../../host/errors.js';
import { printable } from '../../host/text.js';
import { weightOf } from '../../ops/dequantize.js';
import { dynamicTable, nf4BlockSize, nf4Table, scaleBlockSize } from '../../ops/quantization_tables.js';
import {
  dense,
  tensorsOf,
  type BlockScales,
  type Int8Leaf,
  type Nf4Leaf,
  type QuantizedLeaf,
} from '../../tree/leaf.js';
import { flattenParams, type PackedEntries } from '../../tree/params.js';
import { isMatrix } from '../matrices.js';
import { flattenSpec, sizeOf, type Params, type Shape, type Spec } from '../../tree/spec.js';
import { denseEntry } from '../param_files.js';
import { int8Leaf, nestedScales, nf4Leaf } from './leaves.js';

const stateSuffix = '.quant_state.bitsandbytes__nf4';

function bytesData(data: Uint8Array, shape: readonly number[], dtype = 'U8'): TensorData {
  return { dtype, shape, data };
}

/** `SCB` and `weight_format` stand beside the weight, in the module: `X.weight`, `X.SCB`. */
function besideWeight(name: string, what: 'SCB' | 'weight_format'): string {
  return name.replace(/weight$/, what);
}

function int8Entries(name: string, { codes, absmax }: Int8Leaf, shape: Shape): [string, TensorData][] {
  const signed = bytesOf(codes).map((byte) => byte - 128);
  return [
    [name, bytesData(signed, shape, 'I8')],
    [besideWeight(name, 'SCB'), float32Data(absmax.dataSync<'float32'>(), absmax.shape)],
    [besideWeight(name, 'weight_format'), bytesData(Uint8Array.of(0), [])],
  ];
}

/** JSON as Python writes it, which bitsandbytes' own files hold. */
function pythonJson(fields: JsonObject): Uint8Array {
  const text = Object.entries(fields).map(([key, value]) => `"${key}": ${JSON.stringify(value).replace(/,/g, ', ')}`);
  return Buffer.from(`{${text.join(', ')}}`);
}

function nf4Entries(name: string, { packed, scales }: Nf4Leaf, shape: Shape): [string, TensorData][] {
  const state: JsonObject = { quant_type: 'nf4', blocksize: nf4BlockSize, dtype: 'float32', shape: [...shape] };
  const entries: [string, TensorData][] = [
    [name, bytesData(bytesOf(packed), [packed.size, 1])],
    [`${name}.quant_map`, float32Data(nf4Table, [16])],
  ];
  const blocks = Math.ceil(sizeOf(shape) / nf4BlockSize);
  const absmax = scales.absmax.dataSync<'float32'>();
  if (scales.kind === 'plain') {
    entries.push([`${name}.absmax`, float32Data(absmax, [blocks])]);
  } else {
    Object.assign(state, { nested_blocksize: scaleBlockSize, nested_dtype: 'float32', nested_offset: scales.offset });
    entries.push(
      [`${name}.absmax`, bytesData(bytesOf(scales.codes).subarray(0, blocks), [blocks])],
      [`${name}.nested_absmax`, float32Data(absmax, [scales.absmax.size])],
      [`${name}.nested_quant_map`, float32Data(dynamicTable, [256])],
    );
  }
  const json = pythonJson(state);
  return [...entries, [name + stateSuffix, bytesData(json, [json.length])]];
}

/** A quantized weight of the given checkpoint shape in bitsandbytes' layout (Linear8bitLt, Linear4bit). */
export function bnbEntries(name: string, leaf: QuantizedLeaf, shape: Shape): [string, TensorData][] {
  return leaf.kind === 'int8' ? int8Entries(name, leaf, shape) : nf4Entries(name, leaf, shape);
}

/** Writes a tree without adapters, its quantized weights in bitsandbytes' layout. */
export async function saveQuantized(path: string, params: Params, spec: Spec): Promise<void> {
  const specs = flattenSpec(spec);
  const entries = [...flattenParams(params)].flatMap(([name, leaf]) => {
    const found = specs.get(name);
    if (found === undefined) throw new Error(`${name} is not in the spec`);
    return leaf.kind === 'int8' || leaf.kind === 'nf4'
      ? bnbEntries(name, leaf, found.shape)
      : [[name, denseEntry(name, leaf, found)] as [string, TensorData]];
  });
  await writeSafetensors(path, new Map(entries), { format: 'pt' });
}

function expectEntry(source: OpenTensorSource, name: string, dtype: string, shape: Shape): void {
  const got = `${source.dtypeOf(name)} [${source.shapeOf(name).join(', ')}]`;
  const expected = `${dtype} [${shape.join(', ')}]`;
  if (got !== expected) throw new BadInput({ where: `${source.where}, entry ${name}`, expected, got });
}

function readTyped(source: OpenTensorSource, name: string, dtype: string, shape: Shape): Uint8Array {
  expectEntry(source, name, dtype, shape);
  return source.bytes(name);
}

function readFloats(source: OpenTensorSource, name: string, shape: Shape): Float32Array {
  expectEntry(source, name, 'F32', shape);
  return source.read(name);
}

/** A table that has to be the one computed with here. */
function expectTable(source: OpenTensorSource, name: string, table: Float32Array): void {
  const found = readFloats(source, name, [table.length]);
  if (found.every((value, i) => value === table[i])) return;
  const expected = 'bitsandbytes’ own table of values';
  throw new BadInput({ where: `${source.where}, entry ${name}`, expected, got: 'other values' });
}

function readInt8(source: OpenTensorSource, name: string, shape: Shape, outlierThreshold?: number): Int8Leaf {
  const codes = readTyped(source, name, 'I8', shape);
  const format = besideWeight(name, 'weight_format');
  if ([...source.names()].includes(format) && source.bytes(format)[0] !== 0) {
    throw new BadInput({ where: `${source.where}, entry ${format}`, expected: '0 (rows)', got: 'another order' });
  }
  const absmax = readFloats(source, besideWeight(name, 'SCB'), [shape[0] ?? 1]);
  const signed = new Int8Array(codes.buffer, codes.byteOffset, codes.byteLength);
  return int8Leaf({ codes: signed, absmax }, outlierThreshold);
}

function readState(source: OpenTensorSource, name: string): JsonObject {
  const where = `${source.where}, entry ${name}`;
  const text = Buffer.from(source.bytes(name)).toString('utf8');
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch (cause) {
    throw new BadInput({ where, expected: 'JSON', got: 'something else' }, { cause });
  }
  if (isJsonObject(state)) return state;
  throw new BadInput({ where, expected: 'an object', got: JSON.stringify(state) });
}

/** The state of a weight has to say what is computed here: NF4 in blocks of 64, scales plain or nested by 256. */
function checkState(source: OpenTensorSource, name: string, state: JsonObject, shape: Shape): void {
  const nested = 'nested_blocksize' in state ? { nested_blocksize: scaleBlockSize } : {};
  const wanted = { quant_type: 'nf4', blocksize: nf4BlockSize, shape: [...shape], ...nested };
  for (const [field, expected] of Object.entries(wanted)) {
    const got = JSON.stringify(state[field]) ?? 'nothing';
    if (got === JSON.stringify(expected)) continue;
    throw new BadInput({
      where: `${source.where}, entry ${name}, field ${field}`,
      expected: JSON.stringify(expected),
      got,
    });
  }
}

/** Of a layer that has computed on a processor bitsandbytes stores them as bfloat16 in rows. */
function readAbsmax(source: OpenTensorSource, name: string, blocks: number): Float32Array {
  if (sizeOf(source.shapeOf(name)) !== blocks || source.dtypeOf(name) !== 'BF16') {
    return readFloats(source, name, [blocks]);
  }
  return source.read(name);
}

function readScales(source: OpenTensorSource, name: string, state: JsonObject, blocks: number): BlockScales {
  if (!('nested_blocksize' in state)) {
    return { kind: 'plain', absmax: tf.tensor1d(readAbsmax(source, `${name}.absmax`, blocks)) };
  }
  const offset = state['nested_offset'];
  if (typeof offset !== 'number') {
    const where = `${source.where}, entry ${name}${stateSuffix}, field nested_offset`;
    throw new BadInput({ where, expected: 'a number', got: JSON.stringify(offset) ?? 'nothing' });
  }
  expectTable(source, `${name}.nested_quant_map`, dynamicTable);
  const codes = readTyped(source, `${name}.absmax`, 'U8', [blocks]);
  const groups = Math.ceil(blocks / scaleBlockSize);
  return nestedScales({ codes, absmax: readFloats(source, `${name}.nested_absmax`, [groups]), offset });
}

function readNf4(source: OpenTensorSource, name: string, shape: Shape): Nf4Leaf {
  const state = readState(source, name + stateSuffix);
  checkState(source, name + stateSuffix, state, shape);
  expectTable(source, `${name}.quant_map`, nf4Table);
  // Their type is that of `bnb_4bit_quant_storage`; the bytes are the same.
  const packed = source.bytes(name);
  const bytes = Math.ceil(sizeOf(shape) / 2);
  if (packed.length !== bytes) {
    const where = `${source.where}, entry ${name}`;
    throw new BadInput({ where, expected: `${bytes} bytes`, got: `${packed.length}` });
  }
  const [out = 1, inputs = 1] = shape;
  return nf4Leaf(packed, readScales(source, name, state, Math.ceil(sizeOf(shape) / nf4BlockSize)), [out, inputs]);
}

/** What bitsandbytes has stored of a checkpoint, by the weight's name: `int8`, `nf4` or another 4-bit type. */
export function bnbTypes(source: Pick<OpenTensorSource, 'names'>): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of source.names()) {
    const [, weight, type] = /^(.+)\.quant_state\.bitsandbytes__(.+)$/.exec(name) ?? [];
    if (weight !== undefined && type !== undefined) found.set(weight, type);
    if (name.endsWith('.SCB')) found.set(name.replace(/SCB$/, 'weight'), 'int8');
  }
  return found;
}

/** What the type of an entry alone says: only packed weights are of these. */
const typeByDtype: Readonly<Record<string, string>> = { I8: 'int8', U8: 'nf4' };

export interface BnbOptions {
  /** With it 8-bit weights are multiplied as LLM.int8 does. */
  readonly outlierThreshold?: number | undefined;
  /** Weights that it does not admit are dequantized: those that are trained in full. */
  readonly choose?: ((path: string) => boolean) | undefined;
}

/**
 * The weights of a checkpoint that are in bitsandbytes' layout (Linear8bitLt, Linear4bit).
 * `has` and `read` throw BadInput naming an entry that is missing, misshapen, of another type or of a scheme that is not
 * computed here.
 */
export function bnbEntriesIn(source: OpenTensorSource, options: BnbOptions = {}): PackedEntries {
  const { outlierThreshold, choose = () => true } = options;
  const types = bnbTypes(source);
  const typeOf = (name: string): string | undefined => types.get(name) ?? typeByDtype[source.dtypeOf(name)];
  return {
    has(name, path, spec) {
      const type = typeOf(name);
      if (type === undefined) return false;
      const where = `${source.where}, entry ${name}`;
      if (!isMatrix(path, spec)) throw new BadInput({ where, expected: 'a weight that is not packed', got: type });
      if (type === 'int8' || type === 'nf4') return true;
      throw new BadInput({ where, expected: 'weights packed as int8 or nf4', got: printable(type) });
    },
    read(name, path, { shape }) {
      const leaf =
        typeOf(name) === 'int8' ? readInt8(source, name, shape, outlierThreshold) : readNf4(source, name, shape);
      if (choose(path)) return leaf;
      const value = weightOf(leaf);
      tf.dispose(tensorsOf(leaf));
      return dense(value);
    },
  };
}
