import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { isJsonObject, readJsonObject, type JsonObject } from '../files/json.js';
import type { OpenTensorSource } from '../files/safetensors.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import * as gemma3n from '../models/gemma3n_embed_vision.js';
import * as mobilenet from '../models/mobilenet_v5.js';
import { mobilenetV5Config } from '../models/mobilenet_v5_config.js';
import * as siglip from '../models/siglip_vision.js';
import { siglipVisionConfig } from '../models/siglip_vision_config.js';
import { adaptiveAvgPool2d } from '../ops/adaptive_avg_pool2d.js';
import { disposeParams } from '../tree/params.js';
import { attempt, withFile, type Replay } from './case_file.js';
import { compare, inScope, readNhwc, type Comparison } from './compare.js';
import { replayKeyLists } from './key_lists.js';
import { replayPreprocess } from './preprocess.js';
import { replayGemma3nSlice, replayGemma3nText } from './replay_gemma3n_text.js';
import { replayKd } from './replay_kd.js';
import { replayLora } from './replay_lora.js';
import { replayQuant } from './replay_quant.js';

/** Runs a model on the input of a golden file and compares all its other tensors. */
function compareForward(
  path: string,
  name: string,
  input: string,
  forward: (images: tf.Tensor4D, wanted: readonly string[]) => Readonly<Record<string, tf.Tensor>>,
): Comparison {
  return withFile(path, (file) => {
    const expected = [...file.names()].filter((tensor) => tensor !== input);
    return inScope(() => compare(name, file, expected, forward(readNhwc(file, input), expected)));
  });
}

const replaySiglip: Replay = (folder, name) => {
  const config = siglipVisionConfig(readJsonObject(join(folder, 'config.json')), join(folder, 'config.json'));
  const params = loadCheckpoint(siglip.spec(config), folder, siglip.siglipAnchor);
  try {
    const files = readdirSync(folder).filter((file) => /^io.*\.safetensors$/.test(file));
    return files
      .sort()
      .map((file) =>
        attempt(`${name}/${file}`, () =>
          compareForward(join(folder, file), `${name}/${file}`, 'pixel_values', (images, features) =>
            siglip.forward(params, images, config, { features, interpolatePosEncoding: true }),
          ),
        ),
      );
  } finally {
    disposeParams(params);
  }
};

/** The files of a case, each with its own fields of the configuration: those it lists and those that are there. */
function caseFiles(folder: string, json: JsonObject): Map<string, JsonObject> {
  const there = readdirSync(folder).filter((file) => /^case.*\.safetensors$/.test(file));
  const files = new Map<string, JsonObject>(there.sort().map((file) => [file, {}]));
  const listed = Array.isArray(json['cases']) ? (json['cases'] as unknown[]) : [];
  for (const entry of listed.filter(isJsonObject)) files.set(String(entry['file']), entry);
  return files;
}

const replayMobilenet: Replay = (folder, name) => {
  const path = join(folder, 'config.json');
  const json = readJsonObject(path);
  const params = loadCheckpoint(mobilenet.spec(mobilenetV5Config(json, path)), folder, mobilenet.mobilenetV5Anchor);
  try {
    return [...caseFiles(folder, json)].map(([file, fields]) =>
      attempt(`${name}/${file}`, () => {
        const config = mobilenetV5Config({ ...json, ...fields }, `${path}, case ${file}`);
        return compareForward(join(folder, file), `${name}/${file}`, 'input', (images, features) =>
          mobilenet.forward(params, images, config, { features }),
        );
      }),
    );
  } finally {
    disposeParams(params);
  }
};

/** The tower's features under `vision.`, its output, and what the language model is given. */
const replayGemma3nVision: Replay = (folder, name) => {
  const path = join(folder, 'config.json');
  const config = gemma3n.gemma3nVisionConfig(readJsonObject(path), path);
  const params = loadCheckpoint(gemma3n.spec(config), folder, gemma3n.gemma3nVisionAnchor);
  const file = `${name}/io.safetensors`;
  try {
    return [
      attempt(file, () =>
        compareForward(join(folder, 'io.safetensors'), file, 'pixel_values', (images, expected) => {
          const features = expected.filter((tensor) => tensor.startsWith('vision.')).map((tensor) => tensor.slice(7));
          const { vision, image_features } = gemma3n.forward(params, images, config, { features });
          const named = Object.entries(vision).map(([feature, map]) => [`vision.${feature}`, map] as const);
          return {
            ...Object.fromEntries(named),
            vision_last_hidden_state: vision['output'] as tf.Tensor4D,
            image_features,
          };
        }),
      ),
    ];
  } finally {
    disposeParams(params);
  }
};

const replayAdaptivePooling: Replay = (folder, name) => {
  const file = 'adaptive_avg_pool2d.safetensors';
  const pooled = (source: OpenTensorSource): Comparison => {
    const expected = [...source.names()].filter((tensor) => tensor.endsWith('.out'));
    return inScope(() => {
      const actual = expected.map((tensor) => {
        const [, , height = 0, width = 0] = source.shapeOf(tensor);
        return [tensor, adaptiveAvgPool2d(readNhwc(source, tensor.replace(/out$/, 'in')), [height, width])] as const;
      });
      return compare(`${name}/${file}`, source, expected, Object.fromEntries(actual));
    });
  };
  return [attempt(`${name}/${file}`, () => withFile(join(folder, file), pooled))];
};

/** What can be replayed, by kind. */
export const replays: Readonly<Record<string, Replay>> = {
  siglip: replaySiglip,
  mobilenetv5: replayMobilenet,
  gemma3n_vision: replayGemma3nVision,
  gemma3n_text: replayGemma3nText,
  gemma3n_slice: replayGemma3nSlice,
  preprocess: replayPreprocess,
  adaptive_avg_pool2d: replayAdaptivePooling,
  full: replayKeyLists,
  lora: replayLora,
  kd: replayKd,
  quant: replayQuant,
};

/** Kinds whose replay needs every gradient. */
export const trainingKinds: ReadonlySet<string> = new Set(['kd']);
