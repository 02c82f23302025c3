// What test/python/check_adapters.py reads: adapters of the configurations in test/python/adapter_configs.json, as this project
// writes them, with what it computes.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { parseLoraConfig } from 'gemma-3ncore/adapters/lora_config';
import { mergeLora } from 'gemma-3ncore/adapters/merge_lora';
import { saveAdapter } from 'gemma-3ncore/adapters/peft_files';
import { readJsonObject, writeJson, type JsonObject } from 'gemma-3ncore/files/json';
import { projectPath } from 'gemma-3ncore/host/places';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { disposeParams, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import type { Params, Spec } from 'gemma-3ncore/tree/spec';
import { openStudentBase, openTeacher } from 'gemma-3ncore/weights';
import { images, prefixed, writeCase, writeTower, type Named } from './python_cases.js';

interface Tower<P extends Params> {
  readonly weights: string;
  readonly params: P;
  readonly spec: Spec;
  readonly pixels: tf.Tensor4D;
  readonly config: object;
  run(params: P, pixels: tf.Tensor4D): Named;
}

/** Every trained value but A is moved: B starts at zero, lengths and what is trained in full at the base's. */
function stir(params: Params): void {
  let seed = 100;
  for (const [name, variable] of trainableVariables(params)) {
    if (name.endsWith('.lora_A')) continue;
    tf.tidy(() => variable.assign(tf.add(variable, tf.randomNormal(variable.shape, 0, 0.1, 'float32', seed++))));
  }
}

async function writeAdapter<P extends Params>(folder: string, base: string, tower: Tower<P>, fields: JsonObject) {
  const { spec, pixels, run } = tower;
  mkdirSync(join(folder, 'adapter'), { recursive: true });
  await writeTower(join(folder, 'base'), tower.weights, tower.params, spec);
  await writeJson(join(folder, 'base', 'config.json'), tower.config);
  const config = parseLoraConfig(fields, folder);
  const params = wrapLora(tower.params, spec, config, rootKey(3));
  stir(params);
  await saveAdapter(join(folder, 'adapter'), params, spec, config);
  const merged = mergeLora(params);
  const output = { ...prefixed('adapted', run(params, pixels)), ...prefixed('merged', run(merged, pixels)) };
  await writeCase(folder, { kind: 'adapter', base }, { images: pixels }, output);
  disposeParams(merged);
  disposeParams(params);
}

function siglipTower(): Tower<siglip.SiglipVisionParams> {
  const weights = 'random:siglip-tiny';
  const { params, config } = openTeacher(weights, 4);
  const features = ['hidden_states.1', 'last_hidden_state', 'pooler_output'];
  return {
    weights,
    params,
    spec: siglip.spec(config),
    pixels: images([64, 64], 10, -1),
    config: readJsonObject(projectPath('data-manifests', 'configs', 'siglip-tiny.json')),
    run: (of, pixels) => siglip.forward(of, pixels, config, { features }),
  };
}

function encoderTower(): Tower<mobilenet.MobileNetV5Params> {
  const weights = 'random:mobilenetv5-tiny';
  const { params, config } = openStudentBase(weights, 4);
  const features = ['stage.0', 'stage.3', 'output'];
  return {
    weights,
    params,
    spec: mobilenet.spec(config),
    pixels: images([96, 75], 9, 0),
    config,
    run: (of, pixels) => mobilenet.forward(of, pixels, config, { features }),
  };
}

/** A folder a configuration below `root`; gives their number. */
export async function writeAdapterCases(root: string): Promise<number> {
  const configs = readJsonObject(projectPath('test', 'python', 'adapter_configs.json'));
  const { siglip: ofSiglip, encoder: ofEncoder } = configs as Record<string, Record<string, JsonObject>>;
  for (const [name, fields] of Object.entries(ofSiglip!)) {
    await writeAdapter(join(root, `siglip, ${name}`), 'siglip', siglipTower(), fields);
  }
  for (const [name, fields] of Object.entries(ofEncoder!)) {
    await writeAdapter(join(root, `encoder, ${name}`), 'encoder', encoderTower(), fields);
  }
  return Object.keys(ofSiglip!).length + Object.keys(ofEncoder!).length;
}
