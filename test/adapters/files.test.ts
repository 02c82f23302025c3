import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig, type LoraConfig } from 'gemma-3ncore/adapters/lora_config';
import { loadAdapter, saveAdapter, type AdapterBase } from 'gemma-3ncore/adapters/peft_files';
import {
  loadRegressor,
  readRegressorInfo,
  saveRegressor,
  type RegressorInfo,
} from 'gemma-3ncore/adapters/regressor_files';
import { readJsonObject, writeJson } from 'gemma-3ncore/files/json';
import { float32Data, openSafetensors, writeSafetensors, type TensorData } from 'gemma-3ncore/files/safetensors';
import { BadInput } from 'gemma-3ncore/host/errors';
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
const spread = (median: number) => ({ least: median, median, most: 2 * median });
const trainingFrames: RegressorInfo['trainingFrames'] = {
  ...{ dataset: 'clips', studies: 3, preparation: { sector: 2, 'small square': 1 } },
  size: { height: spread(112), width: spread(112) },
  spacing: { studies: 2, x: spread(1.5), y: spread(1.5) },
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
  trainingFrames,
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

/** Bad input in one sentence, before anything was allocated. */
function assertRefused(work: () => void, message: RegExp): void {
  const before = tf.memory().numTensors;
  assert.throws(work, (error) => {
    assert.ok(error instanceof BadInput, String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
  assert.equal(tf.memory().numTensors, before);
}

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

  function load(folder: string, base?: AdapterBase): void {
    const params = initialise(spec, rootKey(1));
    try {
      disposeParams(loadAdapter(folder, params, spec, base).params);
    } finally {
      disposeParams(params);
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

  it('refuses a missing, an extra, a misshapen entry and one of another type by name', async () => {
    const wrong: [string, (entries: Map<string, TensorData>) => void, RegExp][] = [
      ['missing', (entries) => entries.delete(B), /expected an entry base_model\.model\.pw\.lora_B\.weight, got none/],
      [
        'extra',
        (entries) => entries.set('base_model.model.other.lora_A.weight', entries.get(B)!),
        /entry base_model\.model\.other\.lora_A\.weight: expected only what/,
      ],
      [
        'misshapen',
        (entries) => entries.set(B, float32Data(new Float32Array(8), [4, 2, 1, 1])),
        /pw\.lora_B\.weight: expected shape \[5, 2, 1, 1\], got \[4, 2, 1, 1\]/,
      ],
      [
        'of another type',
        (entries) => entries.set(B, { dtype: 'I32', shape: [5, 2, 1, 1], data: new Uint8Array(40) }),
        /entry base_model\.model\.pw\.lora_B\.weight: expected one of F64, F32, F16, BF16, got I32/,
      ],
      [
        'a copy of a bias without bias: all',
        (entries) => entries.set('base_model.model.fc.original_module.bias', entries.get(B)!),
        /entry base_model\.model\.fc\.original_module\.bias: expected only what/,
      ],
    ];
    for (const [name, edit, message] of wrong) {
      const folder = await saved(name);
      await change(folder, edit);
      assertRefused(() => load(folder), message);
    }
  });

  it('refuses a configuration that disagrees with the file, or with the model, by field or entry', async () => {
    const folder = await saved('disagrees');
    const path = join(folder, 'adapter_config.json');
    const good = readJsonObject(path);
    const wrong: [object, RegExp][] = [
      [
        { r: 3 },
        /entry base_model\.model\.conv\.lora_A\.weight: expected shape \[3, 3, 3, 3\], got \[2, 3, 3, 3\]; .* r and/,
      ],
      [{ rank_pattern: { pw: 1 } }, /entry base_model\.model\.pw\.lora_A\.weight: expected shape \[1, 6, 1, 1\]/],
      [{ target_modules: ['conv', 'pw'] }, /entry base_model\.model\.lin\.lora_A\.weight: expected only what/],
      [{ target_modules: ['conv', 'pw', 'lin', 'fc'] }, /expected an entry base_model\.model\.fc\.lora_A\.weight/],
      [{ target_modules: ['absent'] }, /entry base_model\.model\.conv\.lora_A\.weight: expected only what/],
      [{ use_dora: true }, /expected an entry base_model\.model\.conv\.lora_magnitude_vector/],
      [{ bias: 'lora_only' }, /expected an entry base_model\.model\.lin\.base_layer\.bias/],
      [{ modules_to_save: ['fc'] }, /expected an entry base_model\.model\.fc\.weight/],
      [{ modules_to_save: ['absent'] }, /modules_to_save: .* got absent, which is none/],
      [{ init_lora_weights: 'pissa' }, /adapter_config\.json, field init_lora_weights: expected one of/],
      [{ lora_bias: true }, /adapter_config\.json, field lora_bias: expected nothing/],
    ];
    for (const [fields, message] of wrong) {
      await writeJson(path, { ...good, ...fields });
      assertRefused(() => load(folder), message);
    }
    const empty = await saved('empty');
    await change(empty, (entries) => entries.clear());
    await writeJson(join(empty, 'adapter_config.json'), { ...good, target_modules: ['absent'] });
    assertRefused(() => load(empty), /target_modules: expected a choice of the model’s modules, got \["absent"\]/);
  });

  it('refuses an adapter that was trained on other weights, by their hash, else by their name', async () => {
    const base = { name: 'mine', sha256: 'aa' };
    const loadOn = (folder: string): void => load(folder, base);
    const params = wrapLora(initialise(spec, rootKey(1)), spec, config, rootKey(2));
    const save = async (name: string, of: string | null, sha256?: string): Promise<string> => {
      const folder = join(root, name);
      mkdirSync(folder);
      await saveAdapter(folder, params, spec, { ...config, base_model_name_or_path: of }, sha256);
      return folder;
    };
    loadOn(await save('the same', 'mine', 'aa'));
    loadOn(await save('the same elsewhere', 'theirs', 'aa'));
    loadOn(await save('named alone', 'mine'));
    loadOn(await save('unknown', null));
    const hashed = await save('foreign by hash', 'mine', 'bb');
    assertRefused(
      () => loadOn(hashed),
      /safetensors, base_sha256: expected aa of mine, got bb of mine; load the adapter on/,
    );
    const named = await save('foreign by name', 'theirs');
    assertRefused(() => loadOn(named), /base_model_name_or_path of its configuration: expected mine, got theirs/);
    disposeParams(params);
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
    const older = Object.fromEntries(Object.entries(info).filter(([name]) => name !== 'trainingFrames'));
    await writeJson(join(folder, 'regressor.json'), older);
    assert.deepEqual(readRegressorInfo(folder), older);
    await writeJson(join(folder, 'regressor.json'), info);
    disposeParams(params);
    disposeParams(loaded);
  });

  it('refuses a missing, an extra, a misshapen entry and one of another type by name', async () => {
    const path = join(folder, 'regressor.safetensors');
    const file = openSafetensors(path);
    const good = [...file.names()].map((name) => [name, float32Data(file.read(name), file.shapeOf(name))] as const);
    file.close();
    const name = 'fusion.weight';
    const wrong: [(entries: Map<string, TensorData>) => void, RegExp][] = [
      [(entries) => entries.delete(name), /expected an entry fusion\.weight, got none/],
      [(entries) => entries.set('other.bias', entries.get(name)!), /entry other\.bias: expected only what/],
      [
        (entries) => entries.set(name, float32Data(new Float32Array(12), [4, 3])),
        /entry fusion\.weight: expected shape \[4, 12\], got \[4, 3\]/,
      ],
      [
        (entries) => entries.set(name, { dtype: 'I32', shape: [4, 12], data: new Uint8Array(192) }),
        /entry fusion\.weight: expected weights of type .*, got I32/,
      ],
    ];
    for (const [edit, message] of wrong) {
      const entries = new Map(good);
      edit(entries);
      await writeSafetensors(path, entries);
      assertRefused(() => disposeParams(loadRegressor(folder, regressorSpec)), message);
    }
    await writeSafetensors(path, new Map(good));
  });

  it('names the field that is wrong', async () => {
    const path = join(folder, 'regressor.json');
    const good = readJsonObject(path);
    const wrong: [object, RegExp][] = [
      [{ std: [1, 2] }, /field std: expected three numbers above 0 for EDV, ESV and EF, got \[1,2\]/],
      [{ frameOrder: ['ES', 'ED'] }, /field frameOrder/],
      [{ base: undefined }, /field base: expected the base's weights, seed, sha256 and precision, got nothing/],
      [{ base: { ...info.base, precision: 'fp8' } }, /field base\.precision: expected fp32, int8, llm_int8, nf4/],
      [{ targets: ['EF'] }, /field targets: expected \["EDV","ESV","EF"\], got \["EF"\]/],
      [{ mean: [1, 2, null] }, /field mean: expected three numbers/],
      [{ std: [1, 0, 1] }, /field std: expected three numbers above 0/],
      [{ fusionSize: 2.5 }, /field fusionSize: expected a positive whole number, got 2\.5/],
      [{ view: 4 }, /field view: expected a text/],
      [{ preprocessing: [] }, /field preprocessing: expected an object/],
      [{ bridges: {} }, /field bridges: expected a list/],
      [{ trainingFrames: 'all' }, /regressor\.json, trainingFrames: expected a value of type object, got "all"/],
      [{ trainingFrames: { ...trainingFrames, studies: 0 } }, /trainingFrames, studies: expected a number >= 1, got 0/],
      [{ bridges: [{ name: 'x' }] }, /field bridges\[0\]\.teacherLayer: expected a text, got nothing/],
    ];
    for (const [fields, message] of wrong) {
      await writeJson(path, { ...good, ...fields });
      assert.throws(() => readRegressorInfo(folder), message);
    }
  });
});
