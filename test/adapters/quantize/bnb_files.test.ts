import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { bnbEntries, bnbEntriesIn, bnbTypes, saveQuantized } from 'gemma-3ncore/adapters/quantize/bnb_files';
import { leafMaker, type Precision } from 'gemma-3ncore/adapters/quantize/leaves';
import { bytesOf } from 'gemma-3ncore/engine/bytes';
import {
  openSafetensors,
  writeSafetensors,
  type OpenTensorSource,
  type TensorData,
} from 'gemma-3ncore/files/safetensors';
import { constant, kaimingUniform } from 'gemma-3ncore/tree/init';
import { tensorsOf, type QuantizedLeaf } from 'gemma-3ncore/tree/leaf';
import { denseLeaf, disposeParams, flattenParams, initialise, load } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { param, type Params } from 'gemma-3ncore/tree/spec';
import { useEngine } from '../../support/engine.js';
import { useFolder } from '../../support/folder.js';
import { golden } from '../../support/goldens.js';

const spec = {
  stem: { weight: param([8, 3, 3, 3], 'conv', kaimingUniform) },
  pw: { weight: param([15, 8, 1, 1], 'conv1x1', kaimingUniform) },
  fc: { weight: param([6, 15], 'same', kaimingUniform), bias: param([6], 'same', constant(0.5)) },
};

function withFile<T>(path: string, work: (file: OpenTensorSource) => T): T {
  const file = openSafetensors(path);
  try {
    return work(file);
  } finally {
    file.close();
  }
}

/** A packed weight of a linear layer; the caller owns it. */
function read(file: OpenTensorSource, name: string, shape: readonly [number, number]): QuantizedLeaf {
  const packed = bnbEntriesIn(file);
  const linear = param(shape, 'same', kaimingUniform);
  assert.ok(packed.has(name, name, linear));
  return packed.read(name, name, linear) as QuantizedLeaf;
}

/** Every tensor of a tree, so that two trees can be compared value by value. */
function valuesOf(params: Params): [string, number[]][] {
  return [...flattenParams(params)].flatMap(([path, leaf]) =>
    tensorsOf(leaf).map((tensor): [string, number[]] => [
      `${path} ${leaf.kind} ${tensor.shape.join()}`,
      [...(tensor.dtype === 'int32' ? bytesOf(tensor) : tensor.dataSync())],
    ]),
  );
}

describe('adapters/quantize/bnb_files', () => {
  useEngine();
  const folder = useFolder();

  for (const [file, shape] of [
    ['case0', [48, 64]],
    ['case1', [64, 128]],
    ['case2', [40, 120]],
  ] as const) {
    it(`${file}: writes what bitsandbytes wrote, byte for byte`, () => {
      withFile(golden('quant', `${file}_bnb_state_dict.safetensors`), (state) => {
        const found = new Map(
          ['proj8.weight', 'proj4.weight'].flatMap((name) => {
            const leaf = read(state, name, shape);
            const entries = bnbEntries(name, leaf, shape);
            tensorsOf(leaf).forEach((tensor) => tensor.dispose());
            return entries;
          }),
        );
        const names = [...state.names()].filter((name) => !name.endsWith('bias'));
        assert.deepEqual([...found.keys()].sort(), names.sort());
        for (const name of names) {
          const { dtype, data, shape: written } = found.get(name)!;
          assert.deepEqual([dtype, written], [state.dtypeOf(name), state.shapeOf(name)], name);
          assert.deepEqual(Buffer.from(data), Buffer.from(state.bytes(name)), name);
        }
      });
    });
  }

  for (const precision of ['int8', 'nf4'] satisfies Precision[]) {
    it(`${precision}: gives back a tree of linear layers and 1×1 convolutions`, async () => {
      const before = tf.memory().numTensors;
      const path = join(folder, `${precision}.safetensors`);
      const params = initialise(spec, rootKey(1), leafMaker(precision));
      await saveQuantized(path, params, spec);
      withFile(path, (file) => {
        assert.deepEqual([...bnbTypes(file)].sort(), [
          ['fc.weight', precision],
          ['pw.weight', precision],
        ]);
        const again = load(spec, file, (name) => name, denseLeaf, bnbEntriesIn(file));
        assert.deepEqual(valuesOf(again), valuesOf(params));
        disposeParams(again);
      });
      disposeParams(params);
      assert.equal(tf.memory().numTensors, before);
    });
  }

  it('refuses what is missing, misshapen or quantized otherwise, by name', async () => {
    const from = golden('quant', 'case0_bnb_state_dict.safetensors');
    const whole = withFile(from, (file) =>
      [...file.names()].map((name): [string, TensorData] => [
        name,
        { dtype: file.dtypeOf(name), shape: file.shapeOf(name), data: file.bytes(name) },
      ]),
    );
    const refused = async (change: (entries: Map<string, TensorData>) => void, layer: string, message: RegExp) => {
      const entries = new Map(whole);
      change(entries);
      const path = join(folder, 'changed.safetensors');
      await writeSafetensors(path, entries);
      withFile(path, (file) => assert.throws(() => read(file, `${layer}.weight`, [48, 64]), message));
    };
    const state = 'proj4.weight.quant_state.bitsandbytes__nf4';
    const text = (json: string): TensorData => ({ dtype: 'U8', shape: [json.length], data: Buffer.from(json) });
    const json = Buffer.from(new Map(whole).get(state)!.data).toString();
    await refused((entries) => entries.delete('proj8.SCB'), 'proj8', /expected an entry proj8\.SCB, got none/);
    await refused((entries) => entries.delete(state), 'proj4', /expected an entry proj4\.weight\.quant_state/);
    await refused(
      (entries) => entries.set(state, text(json.replace('64,', '128,'))),
      'proj4',
      /quant_state\.bitsandbytes__nf4, field blocksize: expected 64, got 128/,
    );
    await refused(
      (entries) => entries.set(state, text(json.replace('[48, 64]', '[64, 48]'))),
      'proj4',
      /field shape: expected \[48,64\], got \[64,48\]/,
    );
    await refused(
      (entries) => entries.set('proj4.weight.absmax', { dtype: 'U8', shape: [47], data: new Uint8Array(47) }),
      'proj4',
      /entry proj4\.weight\.absmax: expected U8 \[48\], got U8 \[47\]/,
    );
    await refused(
      (entries) => entries.set('proj4.weight.quant_map', { dtype: 'F32', shape: [16], data: new Uint8Array(64) }),
      'proj4',
      /entry proj4\.weight\.quant_map: expected bitsandbytes’ own table of values, got other values/,
    );
    await refused(
      (entries) => entries.set('proj8.weight_format', { dtype: 'U8', shape: [], data: Uint8Array.of(1) }),
      'proj8',
      /entry proj8\.weight_format: expected 0 \(rows\)/,
    );
  });
});
