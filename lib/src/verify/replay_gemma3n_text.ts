import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { isJsonObject, readJsonObject, type JsonObject } from '../files/json.js';
import type { OpenTensorSource } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { loadCheckpoint, prefixOf } from '../models/checkpoint.js';
import { forward, gemma3nTextAnchor, spec, type Gemma3nTextParams } from '../models/gemma3n_text.js';
import { gemma3nTextConfig, type Gemma3nTextConfig } from '../models/gemma3n_text_config.js';
import { matformerSlice, sliceConfig, type MatformerSlice } from '../models/matformer.js';
import { SlicedCheckpoint } from '../models/matformer_checkpoint.js';
import { disposeParams, load } from '../tree/params.js';
import { attempt, withFile, type Replay } from './case_file.js';
import { compare, comparisonOf, inScope, type Comparison } from './compare.js';

function configIn(folder: string): Gemma3nTextConfig {
  const path = join(folder, 'config.json');
  return gemma3nTextConfig(readJsonObject(path), path);
}

const inputs = ['input_ids', 'attention_mask'];

function readInput(io: OpenTensorSource, name: string): tf.Tensor2D {
  return tf.tensor2d(io.read(name), io.shapeOf(name) as [number, number], 'int32');
}

/** A hidden state with AltUp's versions `[A, B, N, D]` as comparisons take maps, which are turned to NCHW. */
function asCompared(x: tf.Tensor): tf.Tensor {
  return x.rank === 4 ? tf.transpose(x, [0, 2, 3, 1]) : x;
}

function compareOutputs(path: string, name: string, params: Gemma3nTextParams, config: Gemma3nTextConfig): Comparison {
  return attempt(name, () =>
    withFile(path, (io) =>
      inScope(() => {
        const names = [...io.names()];
        const features = names.filter((tensor) => !inputs.includes(tensor));
        const attentionMask = names.includes('attention_mask') ? readInput(io, 'attention_mask') : undefined;
        const found = forward(params, readInput(io, 'input_ids'), config, { features, attentionMask });
        const outputs = Object.entries(found).map(([tensor, x]) => [tensor, asCompared(x)] as const);
        return compare(name, io, features, Object.fromEntries(outputs));
      }),
    ),
  );
}

/** Every file of outputs in a case. */
function compareFiles(folder: string, name: string, params: Gemma3nTextParams, config: Gemma3nTextConfig) {
  const files = readdirSync(folder).filter((file) => /^io.*\.safetensors$/.test(file));
  return files.sort().map((file) => compareOutputs(join(folder, file), `${name}/${file}`, params, config));
}

/** Hidden states and logits of Gemma 3n's language model. */
export const replayGemma3nText: Replay = (folder, name) => {
  const config = configIn(folder);
  const params = loadCheckpoint(spec(config), folder, gemma3nTextAnchor);
  try {
    return compareFiles(folder, name, params, config);
  } finally {
    disposeParams(params);
  }
};

/** The slice of `meta.json` in a folder that a case is of; undefined where it has none. */
function sliceFor(folder: string, base: string): JsonObject | undefined {
  const path = join(base, 'meta.json');
  const slices = existsSync(path) ? readJsonObject(path)['slices'] : undefined;
  const found = isJsonObject(slices) ? Object.values(slices).filter(isJsonObject) : [];
  return found.find(({ dir }) => dir === basename(folder));
}

/**
 * The folder beside a case whose `meta.json` says that the case is a slice of it, and the slice.
 * @throws BadInput when none does.
 */
function baseOf(folder: string): { readonly base: string; readonly slice: MatformerSlice } {
  const parent = dirname(folder);
  const folders = readdirSync(parent, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const base = folders.map(({ name }) => join(parent, name)).find((path) => sliceFor(folder, path) !== undefined);
  if (base === undefined) {
    const expected = 'a folder beside it whose meta.json lists it among its slices';
    throw new BadInput({ where: folder, expected, got: 'none' });
  }
  const config = configIn(base);
  const { layers_to_skip: skipped, ffn_hidden_dims } = sliceFor(folder, base) as JsonObject;
  const all = Array.from({ length: config.num_hidden_layers }, (_, layer) => layer);
  const layers = all.filter((layer) => !Array.isArray(skipped) || !skipped.includes(layer));
  const slice = matformerSlice({ layers, intermediate_size: ffn_hidden_dims }, config, join(base, 'meta.json'));
  return { base, slice };
}

function compareConfig(name: string, found: JsonObject, expected: JsonObject): Comparison {
  const fields = [...new Set([...Object.keys(found), ...Object.keys(expected)])];
  const wrong = fields.filter((field) => !isDeepStrictEqual(found[field], expected[field]));
  const [first] = wrong;
  const where =
    first === undefined
      ? 'all fields'
      : `${first}: expected ${JSON.stringify(expected[first])}, got ${JSON.stringify(found[first])}`;
  return comparisonOf(name, [{ worst: wrong.length, tolerance: 0, where }], fields.length);
}

/** Shape and sha256 of the float32 values, as `tensors.json` has them. */
function digest(sliced: SlicedCheckpoint, name: string): JsonObject {
  const values = sliced.read(name);
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { shape: [...sliced.shapeOf(name)], sha256: createHash('sha256').update(bytes).digest('hex') };
}

function compareTensors(name: string, sliced: SlicedCheckpoint, expected: JsonObject): Comparison {
  const there = new Set(sliced.names());
  const names = [...new Set([...there, ...Object.keys(expected)])];
  const isEqual = (tensor: string): boolean =>
    there.has(tensor) && isDeepStrictEqual(digest(sliced, tensor), expected[tensor]);
  const wrong = names.filter((tensor) => !isEqual(tensor));
  const where = wrong[0] === undefined ? 'shapes and sha256 of all tensors' : `${wrong[0]}: another shape or sha256`;
  return comparisonOf(name, [{ worst: wrong.length, tolerance: 0, where }], names.length);
}

/** A MatFormer slice of the model beside it: configuration, every tensor by its sha256, outputs. */
export const replayGemma3nSlice: Replay = (folder, name) => {
  const { base, slice } = baseOf(folder);
  return withFile(base, (source) => {
    const sliced = new SlicedCheckpoint(source, configIn(base), slice);
    const prefix = prefixOf(sliced, gemma3nTextAnchor);
    const [configPath, tensorsPath] = [join(folder, 'config.json'), join(folder, 'tensors.json')];
    const changed = JSON.parse(sliceConfig(readFileSync(join(base, 'config.json'), 'utf8'), slice)) as JsonObject;
    const config = gemma3nTextConfig(changed);
    const params = load(spec(config), sliced, (path) => prefix + path);
    try {
      return [
        attempt(`${name}/config.json`, () => compareConfig(`${name}/config.json`, changed, readJsonObject(configPath))),
        attempt(`${name}/tensors.json`, () =>
          compareTensors(`${name}/tensors.json`, sliced, readJsonObject(tensorsPath)),
        ),
        ...compareFiles(folder, name, params, config),
      ];
    } finally {
      disposeParams(params);
    }
  });
};
