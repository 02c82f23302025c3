import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { nestScales, quantizeDynamic, quantizeNf4, type NestedScales } from '../adapters/quantize/blockwise.js';
import { bnbEntriesIn } from '../adapters/quantize/bnb_files.js';
import { quantizeInt8 } from '../adapters/quantize/int8.js';
import { int8Leaf, llmInt8Threshold, nestedScales, nf4Leaf } from '../adapters/quantize/leaves.js';
import type { OpenTensorSource } from '../files/safetensors.js';
import { linear } from '../nn/linear.js';
import { weightOf } from '../ops/dequantize.js';
import { vectorwiseInt8 } from '../ops/llm_int8.js';
import { dynamicTable } from '../ops/quantization_tables.js';
import { dense, type BlockScales, type QuantizedLeaf } from '../tree/leaf.js';
import { constant } from '../tree/init.js';
import { denseLeaf, load } from '../tree/params.js';
import { param } from '../tree/spec.js';
import { attempt, withFile } from './case_file.js';
import { failure, forwardTolerance, inScope, type Comparison } from './compare.js';

/** What was computed for an entry of a golden and how far it may be off; without a tolerance as forwards may. */
interface Check {
  readonly entry: string;
  readonly actual: ArrayLike<number>;
  readonly tolerance?: number;
}

interface Difference {
  readonly worst: number;
  readonly tolerance: number;
  readonly where: string;
}

function difference(file: OpenTensorSource, { entry, actual, tolerance }: Check): Difference {
  const expected = file.read(entry);
  const allowed = tolerance ?? forwardTolerance * expected.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
  if (expected.length !== actual.length) {
    const where = `${entry}: expected ${expected.length} values, got ${actual.length}`;
    return { worst: Infinity, tolerance: allowed, where };
  }
  let [worst, at] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    const delta = Math.abs((actual[i] as number) - (expected[i] as number));
    // Written so that NaN counts as the worst.
    if (!(delta <= worst)) [worst, at] = [Number.isNaN(delta) ? Infinity : delta, i];
  }
  return { worst, tolerance: allowed, where: `${entry} [${at}]` };
}

/** How near a difference is to its tolerance, where exact ones fail by any. */
function severity({ worst, tolerance }: Difference): number {
  return worst === 0 ? 0 : worst / tolerance;
}

function compareAll(name: string, file: OpenTensorSource, checks: readonly Check[]): Comparison {
  const differences = checks.map((check) => difference(file, check)).sort((a, b) => severity(b) - severity(a));
  const [worst] = differences;
  if (worst === undefined) return failure(name, 'nothing to compare');
  return { name, passed: worst.worst <= worst.tolerance, ...worst, tensors: differences.length };
}

/** The matrices of a case: W `[out, in]`, A `[rows, in]`, bias `[out]`. */
interface Layer {
  readonly values: Float32Array;
  readonly shape: readonly [number, number];
  readonly A: tf.Tensor2D;
  readonly bias: tf.Tensor;
}

function product({ A, bias }: Layer, leaf: QuantizedLeaf): ArrayLike<number> {
  return linear(A, leaf, { bias: dense(bias) }).dataSync();
}

const exact = { tolerance: 0 };
const codeTolerance = { tolerance: 1 };

function int8Checks({ values, shape, A, bias }: Layer): Check[] {
  const codes = quantizeInt8(values, shape[0]);
  const layer = { values, shape, A, bias };
  const leaf = int8Leaf(codes);
  const full = (threshold: number): Check[] => {
    const name = `thr${threshold}`;
    const inputs = vectorwiseInt8(A, threshold);
    const outliers = [...inputs.outliers.dataSync()].flatMap((is, column) => (is === 0 ? [] : [column]));
    const whole = tf.tensor2d(Float32Array.from(codes.codes), [...shape]);
    return [
      { entry: `${name}.CA`, actual: inputs.codes.dataSync(), ...exact },
      { entry: `${name}.SCA`, actual: inputs.absmax.dataSync(), ...exact },
      { entry: `${name}.outlier_cols`, actual: outliers, ...exact },
      { entry: `${name}.int32`, actual: tf.matMul(inputs.codes, whole, false, true).dataSync(), ...exact },
      { entry: `${name}.out`, actual: product(layer, { ...leaf, outlierThreshold: threshold }) },
    ];
  };
  return [
    { entry: 'CB', actual: codes.codes, ...exact },
    { entry: 'SCB', actual: codes.absmax, ...exact },
    { entry: 'W_int8_dequant', actual: weightOf(leaf).dataSync() },
    { entry: 'cpu_train_path.out', actual: product(layer, leaf) },
    ...full(0),
    ...full(llmInt8Threshold),
  ];
}

/** A code may be the neighbour of bitsandbytes' own: by how much that changes a value of a block scaled by `absmax`. */
function oneStep(absmax: Float32Array): number {
  const gaps = dynamicTable.map((value, i) => (i === 0 ? 0 : value - (dynamicTable[i - 1] as number)));
  return Math.max(...gaps) * Math.max(...absmax);
}

/** Scales as bitsandbytes nested them, whose codes may be neighbours of ours; undefined where the golden has none. */
function nestedScalesOf(file: OpenTensorSource): NestedScales | undefined {
  const entries = ['nf4dq.absmax_u8', 'nf4dq.nested_absmax', 'nf4dq.offset'] as const;
  const available = new Set(file.names());
  if (!entries.every((entry) => available.has(entry))) return undefined;
  const [codes, absmax, offset] = entries;
  return { codes: file.bytes(codes), absmax: file.read(absmax), offset: file.read(offset)[0] as number };
}

function nf4Checks(layer: Layer, file: OpenTensorSource): Check[] {
  const { values, shape } = layer;
  const { packed, absmax } = quantizeNf4(values);
  const leafOf = (scales: BlockScales): QuantizedLeaf => nf4Leaf(packed, scales, shape);
  const plain = leafOf({ kind: 'plain', absmax: tf.tensor1d(absmax) });
  const scales = nestScales(absmax);
  const theirs = nestedScalesOf(file);
  const nested = leafOf(nestedScales(theirs ?? scales));
  const asNested = theirs === undefined ? { tolerance: oneStep(scales.absmax) } : {};
  return [
    { entry: 'nf4.packed', actual: packed, ...exact },
    { entry: 'nf4.absmax', actual: absmax, ...exact },
    { entry: 'nf4.dequant', actual: weightOf(plain).dataSync() },
    { entry: 'nf4.out', actual: product(layer, plain) },
    { entry: 'nf4dq.packed', actual: packed, ...exact },
    { entry: 'nf4dq.absmax_u8', actual: scales.codes, ...codeTolerance },
    { entry: 'nf4dq.nested_absmax', actual: scales.absmax },
    { entry: 'nf4dq.offset', actual: [scales.offset] },
    { entry: 'nf4dq.dequant', actual: weightOf(nested).dataSync(), ...asNested },
    { entry: 'nf4dq.out', actual: product(layer, nested) },
  ];
}

/** Below it bitsandbytes on a processor gives one code to all values of a block, zero included, up to four from the nearest. */
const nearZero = 3e-5;

/** Codes to compare with bitsandbytes', those of values near zero taken to be its own. */
function comparableCodes(codes: Uint8Array, theirs: Uint8Array): Uint8Array {
  const isSmall = (code: number): boolean => Math.abs(dynamicTable[code] as number) < nearZero;
  return codes.map((code, i) => {
    const their = theirs[i];
    return their !== undefined && isSmall(code) && isSmall(their) ? their : code;
  });
}

function dynamicChecks({ values }: Layer, file: OpenTensorSource): Check[] {
  const { codes, absmax } = quantizeDynamic(values);
  const has = [...file.names()].includes('dyn8.q');
  const compared = has ? comparableCodes(codes, file.bytes('dyn8.q')) : codes;
  const dequantized = Float32Array.from(
    codes,
    (code, i) => (dynamicTable[code] as number) * (absmax[Math.floor(i / 256)] as number),
  );
  return [
    { entry: 'dyn8.q', actual: compared, ...codeTolerance },
    { entry: 'dyn8.absmax', actual: absmax, ...exact },
    { entry: 'dyn8.code', actual: dynamicTable, ...exact },
    { entry: 'dyn8.dequant', actual: dequantized, tolerance: oneStep(absmax) },
  ];
}

function readMatrix(file: OpenTensorSource, entry: string): tf.Tensor2D {
  return tf.tensor2d(file.read(entry), file.shapeOf(entry) as [number, number]);
}

function replayMatrices(path: string, name: string): Comparison {
  return withFile(path, (file) => {
    const layer: Layer = {
      values: file.read('W'),
      shape: file.shapeOf('W') as [number, number],
      A: readMatrix(file, 'A'),
      bias: tf.tensor1d(file.read('bias')),
    };
    const checks = [...int8Checks(layer), ...nf4Checks(layer, file), ...dynamicChecks(layer, file)];
    const available = new Set(file.names());
    return compareAll(
      name,
      file,
      checks.filter(({ entry }) => available.has(entry)),
    );
  });
}

/** The layers that bitsandbytes saved, read back and applied. */
function replayLayers(statePath: string, outputPath: string, name: string): Comparison {
  return withFile(statePath, (state) =>
    withFile(outputPath, (io) => {
      const A = readMatrix(io, 'A');
      const [, inputs = 1] = A.shape;
      const output = (layer: string): ArrayLike<number> => {
        const bias = dense(tf.tensor1d(state.read(`${layer}.bias`)));
        const outputs = state.shapeOf(`${layer}.bias`)[0] ?? 1;
        const spec = { [layer]: { weight: param([outputs, inputs], 'same', constant(0)) } };
        const packed = bnbEntriesIn(state, { outlierThreshold: llmInt8Threshold });
        const weight = load(spec, state, (path) => path, denseLeaf, packed)[layer]?.weight as QuantizedLeaf;
        return linear(A, weight, { bias }).dataSync();
      };
      return compareAll(name, io, [
        { entry: 'linear8bit.out', actual: output('proj8') },
        { entry: 'linear4bit.out', actual: output('proj4') },
      ]);
    }),
  );
}

/** Replays bitsandbytes' quantization of matrices, and the layers it saved. */
export function replayQuant(folder: string, name: string): Comparison[] {
  const files = readdirSync(folder).sort();
  const check = (file: string, work: (name: string) => Comparison): Comparison =>
    attempt(`${name}/${file}`, () => inScope(() => work(`${name}/${file}`)));
  const matrices = files.filter((file) => /^case\d+_\d+x\d+\.safetensors$/.test(file));
  const layers = files.filter((file) => file.endsWith('_bnb_state_dict.safetensors'));
  return [
    ...matrices.map((file) => check(file, (at) => replayMatrices(join(folder, file), at))),
    ...layers.flatMap((file) => {
      const output = join(folder, file.replace('state_dict', 'layers_io'));
      return existsSync(output) ? [check(file, (at) => replayLayers(join(folder, file), output, at))] : [];
    }),
  ];
}
