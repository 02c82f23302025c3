import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { loraConfig, parseLoraConfig } from 'gemma-3ncore/adapters/lora_config';
import { readRegressorInfo, type RegressorInfo } from 'gemma-3ncore/adapters/regressor_files';
import { readExperiment } from 'gemma-3ncore/experiment';
import { readJson, readJsonObject, type JsonObject } from 'gemma-3ncore/files/json';
import { BadInput } from 'gemma-3ncore/host/errors';
import { projectPath } from 'gemma-3ncore/host/places';
import * as gemma3nText from 'gemma-3ncore/models/gemma3n_text';
import { gemma3nTextConfig } from 'gemma-3ncore/models/gemma3n_text_config';
import { matformerSlice, sliceConfig } from 'gemma-3ncore/models/matformer';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { siglipVisionConfig } from 'gemma-3ncore/models/siglip_vision_config';
import { readCamusSplits, findCamusFolder } from 'gemma-3ncore/data/camus_layout';
import { preset } from 'gemma-3ncore/schema/presets';
import { validate } from 'gemma-3ncore/schema/validate';
import { fold, Random, rootKey } from 'gemma-3ncore/tree/random';
import { useTemporaryFolder } from '../support/folder.js';
import { goldenJson } from '../support/goldens.js';
import { mutate } from '../support/mutate.js';
import { mutateJson } from '../support/mutate_json.js';

const folder = useTemporaryFolder()('json');

const info: RegressorInfo = {
  targets: ['EDV', 'ESV', 'EF'],
  mean: [120.5, 60, 50],
  std: [30, 20, 5],
  frameOrder: ['ED', 'ES'],
  fusionSize: 4,
  base: { weights: 'a-base', seed: 3, sha256: 'ab', precision: 'fp32' },
  view: '4CH',
  preprocessing: { height: 112, width: 112 },
  trainingFrames: {
    ...{ dataset: 'clips', studies: 3, preparation: { sector: 3 } },
    size: { height: { least: 1, median: 2, most: 3 }, width: { least: 1, median: 2, most: 3 } },
    spacing: null,
  },
  bridges: [
    {
      ...{ name: 'last__output', teacherLayer: 'last_hidden_state', studentFeature: 'output', grid: 7 },
      projector: { type: 'linear', in_channels: 6, out_channels: 5 },
    },
  ],
};

const manifest = (...parts: string[]): JsonObject => readJsonObject(projectPath('data-manifests', ...parts));

const gemma = gemma3nTextConfig(goldenJson('gemma3n', 'text', 'config.json'));

/** What is read, under which name, and how. */
const kinds: Record<string, [file: string, value: object, read: (path: string) => unknown]> = {
  'regressor.json': ['regressor.json', info, () => readRegressorInfo(folder)],
  'adapter_config.json': [
    'adapter_config.json',
    loraConfig({ target_modules: ['q_proj', 'v_proj'], rank_pattern: { q_proj: 4 }, r: 2 }),
    (path) => parseLoraConfig(readJson(path), path),
  ],
  'config.json of MobileNetV5': [
    'mobilenet.json',
    manifest('configs', 'mobilenetv5-tiny.json'),
    (path) => mobilenet.spec(mobilenetV5Config(readJsonObject(path), path)),
  ],
  'config.json of SigLIP': [
    'siglip.json',
    manifest('configs', 'siglip-tiny.json'),
    (path) => siglip.spec(siglipVisionConfig(readJsonObject(path), path)),
  ],
  'config.json of Gemma 3n, and of its slice': [
    'gemma3n.json',
    goldenJson('gemma3n', 'text', 'config.json'),
    (path) => {
      const config = gemma3nTextConfig(readJsonObject(path), path);
      gemma3nText.spec(config);
      return sliceConfig(readFileSync(path, 'utf8'), matformerSlice({}, config, path));
    },
  ],
  'a slice of Gemma 3n': [
    'slice.json',
    { layers: [0, 1, 2, 3, 5], intermediate_size: [8, 16, 64, 1, 2] },
    (path) => matformerSlice(readJsonObject(path), gemma, path),
  ],
  'experiment.json': ['experiment.json', preset('tiny'), readExperiment],
  'a manifest of a model': [
    'model.json',
    manifest('models', 'medsiglip-448.json'),
    (path) => validate('model', readJson(path), path),
  ],
};

/** Reads something broken: it may be refused in a short sentence, but neither crash nor take more than two seconds. */
function survives(what: string, work: () => unknown): boolean {
  const begun = performance.now();
  try {
    work();
    return true;
  } catch (error) {
    assert.ok(error instanceof BadInput, `${what}: ${String(error instanceof Error ? error.stack : error)}`);
    assert.ok(
      error.message.length < 2000,
      `${what}: ${error.message.length} characters: ${error.message.slice(0, 300)}`,
    );
    return false;
  } finally {
    assert.ok(performance.now() - begun < 2000, `${what} took ${performance.now() - begun} ms`);
  }
}

describe('fuzzed JSON files', () => {
  for (const [kind, [name, value, read]] of Object.entries(kinds)) {
    it(`${kind}: 1,000 broken files`, () => {
      const path = join(folder, name);
      const before = process.resourceUsage().maxRSS;
      let whole = 0;
      for (let i = 0; i < 1000; i++) {
        const random = new Random(fold(rootKey(41), i));
        const bytes = Buffer.from(JSON.stringify(value));
        const broken = i % 4 === 0 ? mutate(bytes, random) : JSON.stringify(mutateJson(value, random));
        writeFileSync(path, broken ?? '');
        if (survives(`case ${i}`, () => read(path))) whole += 1;
      }
      assert.ok(whole > 0 && whole < 900, String(whole));
      assert.ok((process.resourceUsage().maxRSS - before) / 1024 < 200);
    });
  }

  it('JSON nested without end is refused', () => {
    const path = join(folder, 'regressor.json');
    writeFileSync(path, `${'['.repeat(1_000_000)}`);
    assert.equal(
      survives('nested', () => readRegressorInfo(folder)),
      false,
    );
  });

  it('split files of CAMUS: 1,000 broken ones', () => {
    const root = join(folder, 'camus');
    mkdirSync(join(root, 'patient0001'), { recursive: true });
    mkdirSync(join(root, 'database_split'));
    const path = join(root, 'database_split', 'subgroup_training.txt');
    const text = Buffer.from(Array.from({ length: 50 }, (_, i) => `patient${String(i).padStart(4, '0')}\r\n`).join(''));
    const found = findCamusFolder(root);
    for (let i = 0; i < 1000; i++) {
      writeFileSync(path, mutate(text, new Random(fold(rootKey(43), i))));
      assert.ok(
        survives(`case ${i}`, () => {
          const { of, named } = readCamusSplits(found);
          for (const patient of named) assert.deepEqual(of(patient), ['TRAIN']);
        }),
      );
    }
  });
});
