import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { loadAdapter, saveAdapter } from 'gemma-3ncore/adapters/peft_files';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig } from 'gemma-3ncore/adapters/lora_config';
import { readJsonObject, writeJson } from 'gemma-3ncore/files/json';
import { openSafetensors } from 'gemma-3ncore/files/safetensors';
import { BadInput, Interrupted } from 'gemma-3ncore/host/errors';
import { loadCheckpoint } from 'gemma-3ncore/models/checkpoint';
import { forward, gemma3nVisionAnchor, gemma3nVisionConfig, spec } from 'gemma-3ncore/models/gemma3n_embed_vision';
import { matformerSlice, sliceConfig } from 'gemma-3ncore/models/matformer';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import { preset } from 'gemma-3ncore/schema/presets';
import { sliceModel, type ChooseSlice } from 'gemma-3ncore/slice';
import { disposeParams, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { useEngine } from './support/engine.js';
import { useFolder } from './support/folder.js';
import { writeGemma } from './support/gemma.js';
import { golden } from './support/goldens.js';

const root = useFolder();
const whole = golden('gemma3n', 'multimodal_bf16');
const fields = { layers: [0, 1, 2], intermediate_size: [64, 20, 32] };
const choose: ChooseSlice = (base, where) => matformerSlice(fields, base, where);

describe('slice', () => {
  useEngine();

  it('writes a folder with weights, configuration, what goes with them, and a notice', async () => {
    const from = join(root, 'E4B\u001b[31m');
    cpSync(whole, from, { recursive: true });
    const others = ['tokenizer.json', 'chat_template.jinja', 'LICENSE.md', 'generation_config.json'];
    for (const name of [...others, 'README.md', 'model.safetensors.index.json']) writeFileSync(join(from, name), '{}');
    writeFileSync(join(from, 'NOTICE'), 'As the base says.');
    mkdirSync(join(from, 'folder.json'));
    const found = await sliceModel(from, join(root, 'whole'), choose);
    assert.deepEqual(found.files, ['model.safetensors']);
    assert.deepEqual(
      readdirSync(found.folder).sort(),
      [...others, 'NOTICE', 'config.json', 'meta.json', 'model.safetensors'].sort(),
    );
    assert.deepEqual(
      readJsonObject(join(found.folder, 'config.json')),
      JSON.parse(sliceConfig(readFileSync(join(whole, 'config.json'), 'utf8'), found.slice)),
    );
    const notice = readFileSync(join(found.folder, 'NOTICE'), 'utf8');
    assert.match(
      notice,
      /^This model is a modified derivative\. Sliced from E4B\\u\{1b\}\[31m: its layers 0, 1, 2, feed-forward widths 64, 20, 32\./,
    );
    assert.match(
      notice,
      /Gemma is provided under and subject to the Gemma Terms of Use found at ai\.google\.dev\/gemma\/terms\n\nAs the base says\.\n\nGEMMA 3NCORE/,
    );
    const source = openSafetensors(found.folder);
    assert.equal(source.metadata['format'], 'pt');
    assert.match(source.metadata['modified']!, /^Sliced from /);
    const size = [...source.names()].reduce((sum, name) => sum + source.bytes(name).byteLength, 0);
    source.close();
    assert.equal(found.bytes, size);
    assert.equal(found.parameters.slice, size / 2);
  });

  it("gives the base's image features, and an adapter of the base's vision encoder fits it", async () => {
    const { folder } = await sliceModel(whole, join(root, 'vision'), choose);
    const config = gemma3nVisionConfig(readJsonObject(join(folder, 'config.json')));
    assert.deepEqual(config, gemma3nVisionConfig(readJsonObject(join(whole, 'config.json'))));
    const tower = mobilenet.spec(config.backbone);
    const { target_modules } = preset('phantom').adapter!;
    const lora = loraConfig({ r: 2, lora_alpha: 4, target_modules } as Parameters<typeof loraConfig>[0]);
    const adapter = join(root, 'adapter');
    mkdirSync(adapter);
    const trained = wrapLora(loadCheckpoint(tower, whole, mobilenet.mobilenetV5Anchor), tower, lora, rootKey(5));
    for (const variable of trainableVariables(trained).values()) {
      tf.tidy(() => variable.assign(tf.randomNormal(variable.shape, 0, 0.05, 'float32', 3)));
    }
    await saveAdapter(adapter, trained, tower, lora);
    disposeParams(trained);
    const images = tf.randomUniform([1, 64, 64, 3], 0, 1, 'float32', 6) as tf.Tensor4D;
    const outputs = [whole, folder].map((weights) => {
      const params = loadCheckpoint(spec(config), weights, gemma3nVisionAnchor);
      const plain = tf.tidy(() => forward(params, images, config).image_features.dataSync());
      const { params: adapted } = loadAdapter(adapter, params.vision_tower.timm_model, tower);
      const all = { ...params, vision_tower: { timm_model: adapted } };
      const moved = tf.tidy(() => forward(all, images, config).image_features.dataSync());
      assert.notDeepEqual(moved, plain);
      disposeParams(all);
      return [plain, moved];
    });
    assert.deepEqual(outputs[1], outputs[0]);
    images.dispose();
  });

  it('slices the language model alone, and a slice again', async () => {
    const from = await writeGemma(join(root, 'small'));
    const first = await sliceModel(from, join(root, 'first'), (base, where) =>
      matformerSlice({ layers: [0, 1, 2, 3, 5], intermediate_size: 24 }, base, where),
    );
    const second = await sliceModel(first.folder, join(root, 'second'), (base, where) =>
      matformerSlice({ layers: [0, 1, 3, 4], intermediate_size: [9, 9, 24, 1] }, base, where),
    );
    const once = await sliceModel(from, join(root, 'once'), (base, where) =>
      matformerSlice({ layers: [0, 1, 3, 5], intermediate_size: [9, 9, 24, 1] }, base, where),
    );
    assert.deepEqual(
      readJsonObject(join(second.folder, 'config.json')),
      readJsonObject(join(once.folder, 'config.json')),
    );
    const [a, b] = [second, once].map(({ folder }) => openSafetensors(folder));
    assert.deepEqual([...a!.names()], [...b!.names()]);
    for (const name of a!.names()) assert.deepEqual(a!.bytes(name), b!.bytes(name), name);
    a!.close();
    b!.close();
  });

  it('refuses other models, a folder that exists, and leaves nothing behind', async () => {
    const place = join(root, 'refused');
    mkdirSync(place);
    const siglip = sliceModel(golden('siglip', 'p14_56'), join(place, 'a'), choose);
    await assert.rejects(siglip, /config\.json, field model_type: expected gemma3n or gemma3n_text, got siglip/);
    await assert.rejects(sliceModel(whole, place, choose), /refused: expected a new folder, got one that exists/);
    const empty = join(root, 'empty');
    mkdirSync(empty);
    await assert.rejects(
      sliceModel(empty, join(place, 'b'), choose),
      /config\.json: expected a readable JSON file, got no such/,
    );
    await writeJson(join(empty, 'config.json'), readJsonObject(join(whole, 'config.json')));
    await assert.rejects(
      sliceModel(empty, join(place, 'b'), choose),
      /expected model\.safetensors or model\.safetensors\.index/,
    );
    await assert.rejects(sliceModel(join(root, 'nowhere'), join(place, 'b'), choose), BadInput);
    const stopped = AbortSignal.abort(new Interrupted());
    await assert.rejects(sliceModel(whole, join(place, 'c'), choose, stopped), Interrupted);
    assert.deepEqual(readdirSync(place), []);
  });
});
