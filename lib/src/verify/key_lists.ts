import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject, readJsonObject, type JsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';
import * as gemma3nText from '../models/gemma3n_text.js';
import { gemma3nTextConfig } from '../models/gemma3n_text_config.js';
import * as mobilenet from '../models/mobilenet_v5.js';
import { mobilenetV5Config } from '../models/mobilenet_v5_config.js';
import * as siglip from '../models/siglip_vision.js';
import { siglipVisionConfig } from '../models/siglip_vision_config.js';
import { flattenSpec, type Spec } from '../tree/spec.js';
import { attempt, type Replay } from './case_file.js';
import { comparisonOf, type Comparison } from './compare.js';

/** The vision tower of MedSigLIP and MedGemma but for its image size and head. */
const so400m14 = {
  hidden_size: 1152,
  intermediate_size: 4304,
  num_hidden_layers: 27,
  num_attention_heads: 16,
  patch_size: 14,
};

const suffix = '.keys.json';

const gemma3nE4b = 'gemma3n_e4b_text';

/** Of the list of Gemma 3n E4B, what stands beside the language model. */
const embedders = /^model\.embed_(vision|audio)\./;

/** The model that a list is of: by its name, for SigLIP also by the configuration in it. */
function specOf(model: string, list: JsonObject, where: string): Spec | undefined {
  if (model === gemma3nE4b) return { model: { language_model: gemma3nText.spec(gemma3nTextConfig({}, where)) } };
  if (model.startsWith('mobilenetv5')) return mobilenet.spec(mobilenetV5Config({ architecture: model }, where));
  const [, image_size, rest] = /^siglip_so400m_14_(\d+)(.*)$/.exec(model) ?? [];
  if (image_size === undefined) return undefined;
  const named = { ...so400m14, image_size: Number(image_size), vision_use_head: !rest?.includes('medgemma') };
  return siglip.spec(siglipVisionConfig(isJsonObject(list['config']) ? list['config'] : named, where));
}

/** The lists in a folder, those of models that are not built here apart. */
export function keyLists(folder: string): { readonly known: string[]; readonly unknown: string[] } {
  const models = readdirSync(folder)
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length))
    .sort();
  const isKnown = (model: string): boolean => model === gemma3nE4b || /^mobilenetv5|^siglip_so400m_14_\d/.test(model);
  return { known: models.filter(isKnown), unknown: models.filter((model) => !isKnown(model)) };
}

function compareKeys(name: string, spec: Spec, list: JsonObject, where: string): Comparison {
  const { keys, prefix = '' } = list;
  if (!isJsonObject(keys) || typeof prefix !== 'string') {
    throw new BadInput({ where, expected: 'an object keys and a text prefix', got: 'something else' });
  }
  const shapes = new Map([...flattenSpec(spec)].map(([path, { shape }]) => [prefix + path, JSON.stringify(shape)]));
  const listed = Object.keys(keys).filter((key) => !embedders.test(key));
  const names = new Set([...shapes.keys(), ...listed]);
  const wrong = [...names].filter((key) => shapes.get(key) !== JSON.stringify(keys[key]));
  const [first] = wrong;
  const place =
    first === undefined
      ? 'all names and shapes'
      : `${first}: expected ${JSON.stringify(keys[first]) ?? 'none'}, got ${shapes.get(first) ?? 'none'}`;
  return comparisonOf(name, [{ worst: wrong.length, tolerance: 0, where: place }], names.size);
}

/** Names and shapes of full-size models against those of the reference. */
export const replayKeyLists: Replay = (folder, name) =>
  keyLists(folder).known.map((model) =>
    attempt(`${name}/${model}${suffix}`, () => {
      const where = join(folder, model + suffix);
      const list = readJsonObject(where);
      return compareKeys(`${name}/${model}${suffix}`, specOf(model, list, where) as Spec, list, where);
    }),
  );
