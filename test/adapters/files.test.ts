import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig, type LoraConfig } from 'gemma-3ncore/adapters/lora_config';
import { loadAdapter, saveAdapter } from 'gemma-3ncore/adapters/peft_files';
import {
  loadRegressor,
  readRegressorInfo,
  saveRegressor,
  type RegressorInfo,
} from 'gemma-3ncore/adapters/regressor_files';
import { readJsonObject, writeJson } from 'gemma-3ncore/files/json';
import { float32Data, openSafetensors, writeSafetensors, type TensorData } from 'gemma-3ncore/files/safetensors';
import { constant, kaimingUniform } from 'gemma-3ncore/tree/init';
import { disposeParams, flattenParams, initialise, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { param } from 'gemma-3ncore/tree/spec';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';

const spec = {
  conv: { weight: param([6, 3, 3, 3], 'conv', kaimingUniform) },
  pw: { weight: param([5, 6, 1, 1], 'conv1x1', kaimingUniform) },
  lin: { weight: param([4, 5], 'same', kaimingUniform), bias: param([4], 'same', constant(0.5)) },
  fc: { weight: param([4, 5], 'same', kaimingUniform), bias: param([4], 'same', constant(0.5)) },
};
const config = loraConfig({ target_modules: ['conv', 'pw', 'lin'], r: 2 });
const B = 'base_model.model.pw.lora_B.weight';

const regressorSpec = {
  fusion: { weight: param([4, 12], 'same', kaimingUniform), bias: param([4], 'same', constant(0)) },
  projectors: { last__output: { weight: param([5, 6, 1, 1], 'conv1x1', kaimingUniform) } },
};
const info: RegressorInfo = {
  targets: ['EDV', 'ESV', 'EF'],
  mean: [120.5, 60, 50],
  std: [30, 20, 1 / 3],
  frameOrder: ['ED', 'ES'],
  fusionSize: 4,
  base: { weights: 'a-base', seed: 3, sha256: 'ab', precision: 'fp32' },
  view: '4CH',
  preprocessing: { height: 112, width: 112 },
  bridges: [
    {
      name: 'last__output',
      teacherLayer: 'last_hidden_state',
      studentFeature: 'output',
      grid: 7,
      projector: { type: 'linear', in_channels: 6, out_channels: 5 },
    },
  ],
};

describe('adapters/peft_files', () => {
  useEngine();
  const root = useFolder();

  async function saved(name: string, fields: Partial<LoraConfig> = {}): Promise<string> {
    const folder = join(root, name);
    mkdirSync(folder);
    const chosen = { ...config, ...fields };
    const params = wrapLora(initialise(spec, rootKey(1)), spec, chosen, rootKey(2));
    await saveAdapter(folder, params, spec, chosen);
    disposeParams(params);
    return folder;
  }

  /** Writes the weights again after a change of its entries. */
  async function change(folder: string, edit: (entries: Map<string, TensorData>) => void): Promise<void> {
    const path = join(folder, 'adapter_model.safetensors');
    const file = openSafetensors(path);
    const entries = new Map(
      Array.from(file.names(), (name) => [name, float32Data(file.read(name), file.shapeOf(name))] as const),
    );
    file.close();
    edit(entries);
    await writeSafetensors(path, entries);
  }

  function load(folder: string): void {
    const base = initialise(spec, rootKey(1));
    try {
      disposeParams(loadAdapter(folder, base, spec).params);
    } finally {
      disposeParams(base);
    }
  }

  it('gives back what was saved, and the same bytes for the same adapter', async () => {
    const [folder, again] = [await saved('a'), await saved('b')];
    const params = wrapLora(initialise(spec, rootKey(1)), spec, config, rootKey(2));
    const loaded = loadAdapter(folder, initialise(spec, rootKey(1)), spec);
    assert.deepEqual(loaded.config, config);
    const values = (tree: typeof params) =>
      [...trainableVariables(tree)].map(([name, variable]) => [name, variable.shape, variable.dataSync()]);
    assert.deepEqual(values(loaded.params), values(params));
    for (const file of ['adapter_model.safetensors', 'adapter_config.json']) {
      assert.deepEqual(readFileSync(join(folder, file)), readFileSync(join(again, file)));
    }
    disposeParams(params);
    disposeParams(loaded.params);
  });

  it('writes and reads DoRA’s lengths, modules to save and biases under PEFT’s names', async () => {
    const fields = { use_dora: true, modules_to_save: ['fc'], bias: 'all' } as const;
    const folder = await saved('full', fields);
    const file = openSafetensors(join(folder, 'adapter_model.safetensors'));
    const shapes = Object.fromEntries([...file.names()].map((name) => [name, file.shapeOf(name).join()]));
    file.close();
    const root = 'base_model.model.';
    assert.deepEqual(shapes, {
      [`${root}conv.lora_A.weight`]: '2,3,3,3',
      [`${root}conv.lora_B.weight`]: '6,2,1,1',
      [`${root}conv.lora_magnitude_vector`]: '1,6,1,1',
      [`${root}fc.bias`]: '4',
      [`${root}fc.weight`]: '4,5',
      [`${root}lin.base_layer.bias`]: '4',
      [`${root}lin.lora_A.weight`]: '2,5',
      [`${root}lin.lora_B.weight`]: '4,2',
      [`${root}lin.lora_magnitude_vector`]: '4',
      [`${root}pw.lora_A.weight`]: '2,6,1,1',
      [`${root}pw.lora_B.weight`]: '5,2,1,1',
      [`${root}pw.lora_magnitude_vector`]: '1,5,1,1',
    });
    const before = tf.memory().numTensors;
    const written = wrapLora(initialise(spec, rootKey(1)), spec, { ...config, ...fields }, rootKey(2));
    const loaded = loadAdapter(folder, initialise(spec, rootKey(7)), spec).params;
    const values = (tree: typeof written) =>
      [...trainableVariables(tree)].map(([name, variable]) => [name, variable.dataSync()]);
    assert.deepEqual(values(loaded), values(written));
    disposeParams(written);
    disposeParams(loaded);
    assert.equal(tf.memory().numTensors, before);
    await change(folder, (entries) => entries.delete(`${root}lin.lora_magnitude_vector`));
    assert.throws(() => load(folder), /expected an entry base_model\.model\.lin\.lora_magnitude_vector, got none/);
  });

  it('refuses a missing, an extra and a misshapen entry by name', async () => {
    const missing = await saved('missing');
    await change(missing, (entries) => entries.delete(B));
    assert.throws(() => load(missing), /expected an entry base_model\.model\.pw\.lora_B\.weight, got none/);
    const extra = await saved('extra');
    await change(extra, (entries) => entries.set('base_model.model.other.lora_A.weight', entries.get(B)!));
    assert.throws(() => load(extra), /entry base_model\.model\.other\.lora_A\.weight: expected only what/);
    const misshapen = await saved('misshapen');
    await change(misshapen, (entries) => entries.set(B, float32Data(new Float32Array(8), [4, 2, 1, 1])));
    assert.throws(() => load(misshapen), /pw\.lora_B\.weight: expected shape \[5, 2, 1, 1\], got \[4, 2, 1, 1\]/);
  });
});

describe('adapters/regressor_files', () => {
  useEngine();
  const folder = useFolder();

  it('gives back tensors and description', async () => {
    const params = initialise(regressorSpec, rootKey(3));
    await saveRegressor(folder, params, regressorSpec, info);
    const loaded = loadRegressor(folder, regressorSpec);
    const values = (tree: typeof params) =>
      [...flattenParams(tree)].map(([path, leaf]) => [path, leaf.kind === 'dense' && leaf.value.dataSync()]);
    assert.deepEqual(values(loaded), values(params));
    assert.deepEqual(readRegressorInfo(folder), info);
    disposeParams(params);
    disposeParams(loaded);
  });

  it('names the field that is wrong', async () => {
    const path = join(folder, 'regressor.json');
    const good = readJsonObject(path);
    const wrong: [object, RegExp][] = [
      [{ std: [1, 2] }, /field std: expected three numbers for EDV, ESV and EF, got \[1,2\]/],
      [{ frameOrder: ['ES', 'ED'] }, /field frameOrder/],
      [{ base: undefined }, /field base: expected the base's weights, seed, sha256 and precision, got nothing/],
      [{ base: { ...info.base, precision: 'fp8' } }, /field base\.precision: expected fp32, int8, llm_int8, nf4/],
      [{ bridges: [{ name: 'x' }] }, /field bridges\[0\]\.teacherLayer: expected a text, got nothing/],
    ];
    for (const [fields, message] of wrong) {
      await writeJson(path, { ...good, ...fields });
      assert.throws(() => readRegressorInfo(folder), message);
    }
  });
});
