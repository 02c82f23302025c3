import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { isJsonObject, readJsonObject, type JsonObject } from '../files/json.js';
import type { OpenTensorSource } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import * as mobilenet from '../models/mobilenet_v5.js';
import { mobilenetV5Config } from '../models/mobilenet_v5_config.js';
import * as siglip from '../models/siglip_vision.js';
import { siglipVisionConfig } from '../models/siglip_vision_config.js';
import { adaptiveAvgPool2d } from '../ops/adaptive_avg_pool2d.js';
import { disposeParams } from '../tree/params.js';
import { compare, failure, inScope, readNhwc, type Comparison } from './compare.js';
import { replayLora } from './replay_lora.js';
import { replayQuant } from './replay_quant.js';
import { withFile } from './with_file.js';

/** Replays a case folder; `name` stands before the names of its files. */
export type Replay = (folder: string, name: string) => Comparison[];

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

/** A check of one file that turns damaged input into a failed comparison. */
function attempt(name: string, work: () => Comparison): Comparison {
  try {
    return work();
  } catch (error) {
    if (error instanceof BadInput) return failure(name, error.message);
    throw error;
  }
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
  adaptive_avg_pool2d: replayAdaptivePooling,
  lora: replayLora,
  quant: replayQuant,
};
