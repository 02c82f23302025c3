import assert from 'node:assert/strict';
import { copyFileSync, existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { saveQuantized } from 'gemma-3ncore/adapters/quantize/bnb_files';
import { bytesOf } from 'gemma-3ncore/engine/bytes';
import { readJsonObject, writeJson } from 'gemma-3ncore/files/json';
import { float32Data, openSafetensors, writeSafetensors } from 'gemma-3ncore/files/safetensors';
import { BadInput } from 'gemma-3ncore/host/errors';
import { projectPath } from 'gemma-3ncore/host/places';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { experimentPrecision } from 'gemma-3ncore/precision';
import { preset } from 'gemma-3ncore/schema/presets';
import { tensorsOf } from 'gemma-3ncore/tree/leaf';
import { disposeParams, flattenParams } from 'gemma-3ncore/tree/params';
import type { Params } from 'gemma-3ncore/tree/spec';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import { locateWeights, openStudentBase, openTeacher, packedWeights, weightsHash } from 'gemma-3ncore/weights';
import { useEngine } from './support/engine.js';
import { useTemporaryFolder } from './support/folder.js';
import { golden } from './support/goldens.js';

const folderFor = useTemporaryFolder();
const tower = golden('siglip', 'p14_56');

/** All values of a tower, which is freed. */
function valuesOf({ params }: { readonly params: Params }): number[] {
  const leaves = [...flattenParams(params).values()];
  const values = leaves.flatMap((leaf) => (leaf.kind === 'dense' ? [...leaf.value.dataSync()] : []));
  disposeParams(params);
  return values;
}

/** The golden tower in the hub's layout: config.json and a file whose entries stand under a prefix. */
async function hubFolder(name: string, prefix: string): Promise<string> {
  const folder = folderFor(name);
  const source = openSafetensors(join(tower, 'model.safetensors'));
  const entries = [...source.names()].map((entry) => {
    const data = float32Data(source.read(entry), source.shapeOf(entry));
    return [entry.replace(/^vision_model\./, prefix), data] as const;
  });
  source.close();
  await writeSafetensors(join(folder, 'model.safetensors'), new Map(entries));
  copyFileSync(join(tower, 'config.json'), join(folder, 'config.json'));
  return folder;
}

const isBadInput =
  (says: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof BadInput, String(error));
    assert.match(error.message, says);
    return !error.message.includes('\n');
  };

describe('weights', () => {
  useEngine();

  it('draws random ones from the seed', () => {
    for (const open of [
      (seed: number) => openTeacher('random:siglip-tiny', seed),
      (seed: number) => openStudentBase('random:mobilenetv5-tiny', seed),
    ]) {
      const [a, b, c] = [open(1), open(1), open(2)];
      assert.equal(a.sha256, b.sha256);
      assert.notEqual(a.sha256, c.sha256);
      const values = valuesOf(a);
      assert.deepEqual(values, valuesOf(b));
      assert.notDeepEqual(values, valuesOf(c));
    }
  });

  it('reads a folder in the layout of the hub, whatever stands before the names', async () => {
    const expected = valuesOf(openTeacher(tower, 0));
    for (const prefix of ['', 'vision_tower.vision_model.']) {
      const folder = await hubFolder(`prefix${prefix}`, prefix);
      assert.deepEqual(valuesOf(openTeacher(folder, 0)), expected);
    }
  });

  it('keeps what bitsandbytes stored in 8 or 4 bits as it is, whatever precision is asked for', async () => {
    const before = tf.memory().numTensors;
    const packedBytes = (params: Params): [string, string][] =>
      [...flattenParams(params)]
        .filter(([, { kind }]) => kind === 'int8' || kind === 'nf4')
        .map(([path, leaf]) => [`${path} ${leaf.kind}`, Buffer.from(bytesOf(tensorsOf(leaf)[0]!)).toString('base64')]);
    for (const stored of ['int8', 'nf4'] as const) {
      const folder = folderFor(`stored-${stored}`);
      const { params, config } = openTeacher(tower, 0, stored);
      await saveQuantized(join(folder, 'model.safetensors'), params, siglip.spec(config));
      await writeJson(join(folder, 'config.json'), {
        ...readJsonObject(join(tower, 'config.json')),
        quantization_config: { quant_method: 'bitsandbytes', llm_int8_threshold: 4 },
      });
      const packed = packedBytes(params);
      for (const precision of ['fp32', 'llm_int8', 'nf4'] as const) {
        const again = openTeacher(folder, 0, precision).params;
        assert.deepEqual(packedBytes(again), packed);
        const [leaf] = [...flattenParams(again).values()].filter(({ kind }) => kind === 'int8');
        const threshold = precision === 'llm_int8' ? 4 : undefined;
        if (stored === 'int8') assert.equal(leaf?.kind === 'int8' && leaf.outlierThreshold, threshold);
        disposeParams(again);
      }
      const { teacher, ...rest } = preset('tiny');
      const { reason } = await experimentPrecision({ ...rest, teacher: { ...teacher, weights: folder } });
      assert.match(reason, new RegExp(`${packed.length} weights of the teacher are stored as ${stored} and stay so$`));
      disposeParams(params);
    }
    assert.equal(tf.memory().numTensors, before);
  });

  it('dequantizes stored weights that are trained in full', async () => {
    const folder = folderFor('stored-student');
    const { params, config } = openStudentBase('random:mobilenetv5-tiny', 0, 'nf4');
    await saveQuantized(join(folder, 'model.safetensors'), params, mobilenet.spec(config));
    await writeJson(join(folder, 'config.json'), config);
    const packed = packedWeights(folder, 'mobilenet_v5');
    const [trained] = packed.keys();
    const again = openStudentBase(folder, 0, 'fp32', (path) => path !== trained).params;
    for (const [path, { kind }] of flattenParams(again)) {
      assert.equal(kind, packed.has(path) && path !== trained ? 'nf4' : 'dense', path);
    }
    disposeParams([params, again]);
  });

  it('refuses weights quantized otherwise by the scheme’s name', async () => {
    const folder = folderFor('stored-fp4');
    const { params, config } = openTeacher(tower, 0, 'nf4');
    const file = join(folder, 'model.safetensors');
    await saveQuantized(file, params, siglip.spec(config));
    disposeParams(params);
    copyFileSync(join(tower, 'config.json'), join(folder, 'config.json'));
    const source = openSafetensors(file);
    const entries = [...source.names()].map((name) => {
      const data = { dtype: source.dtypeOf(name), shape: source.shapeOf(name), data: source.bytes(name) };
      return [name.replace(/__nf4$/, '__fp4'), data] as const;
    });
    source.close();
    await writeSafetensors(file, new Map(entries));
    const says = /entry encoder\.\S+\.weight: expected weights packed as int8 or nf4, got fp4\.$/;
    assert.throws(() => openTeacher(folder, 0), isBadInput(says));
    rmSync(file);
    await writeSafetensors(file, new Map(entries.filter(([name]) => /^embeddings\./.test(name))));
    await writeJson(join(folder, 'config.json'), {
      ...readJsonObject(join(tower, 'config.json')),
      quantization_config: { quant_method: 'gptq' },
    });
    assert.throws(() => openTeacher(folder, 0), isBadInput(/quant_method: expected "bitsandbytes", .*, got "gptq"\.$/));
  });

  it('identifies them by configuration and files, whatever the seed', async () => {
    const place = locateWeights(await hubFolder('hash', ''));
    assert.equal(place.kind, 'folder');
    const hash = weightsHash(place, 0);
    assert.equal(hash, weightsHash(place, 1));
    assert.notEqual(hash, weightsHash(locateWeights(await hubFolder('other', 'x.')), 0));
    writeFileSync(place.config, '{"hidden_size": 24}');
    assert.notEqual(hash, weightsHash(place, 0));
  });

  it('finds the miniatures of the project by name', (context) => {
    const folder = projectPath('data-manifests', 'miniatures');
    if (!existsSync(folder)) return context.skip('there are no miniatures');
    const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'config.json')));
    assert.ok(names.length >= 2);
    const before = tf.memory().numTensors;
    for (const name of names) assert.equal(locateWeights(name).kind, 'folder');
    assert.ok(valuesOf(openTeacher('siglip-geometry', 0)).every(Number.isFinite));
    assert.ok(valuesOf(openStudentBase('mobilenetv5-shapes', 0)).every(Number.isFinite));
    assert.equal(tf.memory().numTensors, before);
  });

  it('says what to do about a name that leads nowhere', () => {
    for (const name of ['google/absent', 'random:absent', 'random:../datasets/phantom']) {
      const says = /: expected a folder with config\.json and safetensors files, .*got nothing of that name; download/;
      assert.throws(() => locateWeights(name), isBadInput(says));
    }
  });

  it('names the file that is damaged, missing or of another model', async () => {
    const before = tf.memory().numTensors;
    const folder = await hubFolder('damaged', '');
    const file = join(folder, 'model.safetensors');
    truncateSync(file, 5000);
    assert.throws(() => openTeacher(folder, 0), isBadInput(/model\.safetensors/));
    writeFileSync(file, 'no tensors');
    assert.throws(() => openTeacher(folder, 0), isBadInput(/model\.safetensors/));
    await writeSafetensors(file, new Map([['other.weight', float32Data(Float32Array.of(1), [1])]]));
    assert.throws(
      () => openTeacher(folder, 0),
      isBadInput(/expected one entry ending in embeddings\.patch_emb.*got none/),
    );
    const empty = folderFor('empty');
    copyFileSync(join(tower, 'config.json'), join(empty, 'config.json'));
    assert.throws(() => openTeacher(empty, 0), isBadInput(/empty: expected .*safetensors/));
    assert.equal(tf.memory().numTensors, before);
  });
});
