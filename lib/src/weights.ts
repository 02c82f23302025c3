import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bnbEntriesIn, bnbTypes } from './adapters/quantize/bnb_files.js';
import { leafMaker, llmInt8Threshold, type Precision } from './adapters/quantize/leaves.js';
import { sha256File } from './files/hash.js';
import { isJsonObject, readJsonObject, type JsonObject } from './files/json.js';
import { openSafetensors } from './files/safetensors.js';
import { BadInput } from './host/errors.js';
import { projectPath } from './host/places.js';
import { printable } from './host/text.js';
import { loadCheckpoint, prefixOf } from './models/checkpoint.js';
import * as mobilenet from './models/mobilenet_v5.js';
import { mobilenetV5Config, type MobileNetV5Config } from './models/mobilenet_v5_config.js';
import * as siglip from './models/siglip_vision.js';
import { siglipVisionConfig, type SiglipVisionConfig } from './models/siglip_vision_config.js';
import { findModelManifest, modelManifests } from './model_manifests.js';
import type { ModelManifest } from './schema/generated/model.js';
import { gatheredFolder, towerConfig, towerFamilies, towerFiles } from './towers.js';
import { initialise } from './tree/params.js';
import { rootKey } from './tree/random.js';
import type { ParamsOf, Spec } from './tree/spec.js';

/** Where the weights of a tower come from: a configuration filled at random, or a folder in the hub's layout. */
export type WeightsPlace =
  | { readonly kind: 'random'; readonly config: string }
  | {
      readonly kind: 'folder';
      readonly folder: string;
      readonly config: string;
      /** Of weights gathered from the hub. */
      readonly manifest?: ModelManifest;
    };

/** A tower with its weights in memory; whoever opened it frees `params`. */
export interface Tower<Config, Params> {
  readonly name: string;
  readonly config: Config;
  readonly params: Params;
  /** Identifies the weights: of their files, or of the recipe that drew them. */
  readonly sha256: string;
}

function miniatures(): string[] {
  const folder = projectPath('data-manifests', 'miniatures');
  return existsSync(folder) ? readdirSync(folder).filter((name) => existsSync(join(folder, name, 'config.json'))) : [];
}

function gathered(manifest: ModelManifest): WeightsPlace {
  const { name } = manifest;
  const folder = gatheredFolder(manifest);
  if (folder !== undefined) return { kind: 'folder', folder, config: join(folder, 'config.json'), manifest };
  const fix = `run "3ncore gather ${name}"`;
  throw new BadInput({
    where: `weights ${name}`,
    expected: "its files in the hub's cache",
    got: 'not all of them',
    fix,
  });
}

/**
 * Finds weights by what a configuration calls them: `random:NAME` (data-manifests/configs), a name of data-manifests/models
 * once it is gathered, a miniature's name, or a folder with `config.json` and safetensors files.
 * @throws BadInput when there is nothing of that name, or it is not gathered.
 */
export function locateWeights(name: string): WeightsPlace {
  const drawn = /^random:(.+)$/.exec(name)?.[1];
  if (drawn !== undefined) {
    const config = projectPath('data-manifests', 'configs', `${drawn}.json`);
    if (/^[\w.-]+$/.test(drawn) && existsSync(config)) return { kind: 'random', config };
  }
  const manifest = findModelManifest(name);
  if (manifest !== undefined) return gathered(manifest);
  const folder = miniatures().includes(name) ? projectPath('data-manifests', 'miniatures', name) : resolve(name);
  const config = join(folder, 'config.json');
  if (existsSync(config)) return { kind: 'folder', folder, config };
  const known = [...miniatures(), ...modelManifests().map((model) => model.name)];
  throw new BadInput({
    where: `weights ${name}`,
    expected: `a folder with config.json and safetensors files, random:NAME, or one of ${known.join(', ')}`,
    got: 'nothing of that name',
    fix: "download them from their provider after accepting its terms, and give the folder's path",
  });
}

/** Whether weights are called by a name that is public: of a configuration, the hub or a miniature, not a folder's path. */
export function isPublicName(name: string): boolean {
  if (findModelManifest(name) !== undefined || miniatures().includes(name)) return true;
  const drawn = /^random:([\w.-]+)$/.exec(name)?.[1];
  return drawn !== undefined && existsSync(projectPath('data-manifests', 'configs', `${drawn}.json`));
}

/** The files of a folder that hold the weights of its vision tower. */
export function weightFiles(folder: string): string[] {
  return towerFiles(folder).filter((file) => existsSync(file));
}

/** Bytes of the weights' files. */
export function weightBytes(folder: string): number {
  return weightFiles(folder).reduce((sum, file) => sum + statSync(file).size, 0);
}

const hashes = new Map<string, string>();

/** sha256 of a file of weights; gigabytes are read once a process. */
export function weightFileHash(file: string): string {
  const { size, mtimeMs } = statSync(file);
  const key = [realpathSync(file), size, mtimeMs].join();
  const hash = hashes.get(key) ?? sha256File(file);
  hashes.set(key, hash);
  return hash;
}

/** One hash over the configuration and all files of the weights, or over the recipe of random ones. */
export function weightsHash(place: WeightsPlace, seed: number): string {
  const hash = createHash('sha256').update(readFileSync(place.config));
  if (place.kind === 'random') hash.update(`seed ${seed}`);
  else for (const file of weightFiles(place.folder)) hash.update(weightFileHash(file));
  return hash.digest('hex');
}

/** Where the configuration of weights stands: of those to be gathered from the hub, that of the published ones. */
function configPath(name: string, manifest: ModelManifest | undefined): string {
  if (manifest === undefined || gatheredFolder(manifest) !== undefined) return locateWeights(name).config;
  return projectPath('data-manifests', 'configs', `${manifest.expected.config}.json`);
}

/** The configuration of weights for a role. @throws BadInput when they are of another family. */
function configOf(name: string, family: ModelManifest['family']): { json: JsonObject; where: string } {
  const manifest = findModelManifest(name);
  if (manifest !== undefined && manifest.family !== family) {
    const { title } = towerFamilies[manifest.family];
    throw new BadInput({ where: `weights ${name}`, expected: towerFamilies[family].title, got: title });
  }
  const where = configPath(name, manifest);
  return { json: towerConfig(where, manifest), where };
}

/** The teacher's configuration; its weights are not read and need not be gathered yet. */
export function teacherConfig(name: string): SiglipVisionConfig {
  const { json, where } = configOf(name, 'siglip_vision');
  return siglipVisionConfig(json, where);
}

/** The configuration of the student's encoder; its weights are not read and need not be gathered yet. */
export function studentBaseConfig(name: string): MobileNetV5Config {
  const { json, where } = configOf(name, 'mobilenet_v5');
  return mobilenetV5Config(json, where);
}

/** How bitsandbytes stored weights, by their path in the spec; empty for plain ones. */
export type PackedWeights = ReadonlyMap<string, 'int8' | 'nf4'>;

/** The weights of a tower that its files hold packed; nothing where they are not gathered yet. */
export function packedWeights(name: string, family: ModelManifest['family']): PackedWeights {
  const manifest = findModelManifest(name);
  if (manifest !== undefined && gatheredFolder(manifest) === undefined) return new Map();
  const place = locateWeights(name);
  if (place.kind === 'random') return new Map();
  const source = openSafetensors(place.folder);
  try {
    const prefix = prefixOf(source, towerFamilies[family].anchor);
    const ofTower = [...bnbTypes(source)].filter(([entry]) => entry.startsWith(prefix));
    return new Map(ofTower.map(([entry, type]) => [entry.slice(prefix.length), type as 'int8' | 'nf4']));
  } finally {
    source.close();
  }
}

/** What transformers wrote of how it quantized a checkpoint. */
function quantizationConfig({ config }: WeightsPlace): JsonObject {
  const { quantization_config: found } = readJsonObject(config);
  return isJsonObject(found) ? found : {};
}

interface Opening {
  readonly seed: number;
  readonly precision: Precision;
  readonly choose?: ((path: string) => boolean) | undefined;
}

function openParams<S extends Spec>(
  spec: S,
  place: WeightsPlace,
  anchor: string,
  { seed, precision, choose }: Opening,
): ParamsOf<S> {
  const leafOf = leafMaker(precision, choose);
  if (place.kind === 'random') return initialise(spec, rootKey(seed), leafOf);
  const { quant_method: method, llm_int8_threshold: threshold } = quantizationConfig(place);
  const stored = typeof threshold === 'number' ? threshold : llmInt8Threshold;
  const outlierThreshold = precision === 'llm_int8' ? stored : undefined;
  try {
    return loadCheckpoint(spec, place.folder, anchor, leafOf, (source) =>
      bnbEntriesIn(source, { outlierThreshold, choose }),
    );
  } catch (cause) {
    if (method === undefined || method === 'bitsandbytes' || !(cause instanceof BadInput)) throw cause;
    const where = `${place.config}, field quantization_config.quant_method`;
    const got = printable(JSON.stringify(method));
    throw new BadInput({ where, expected: '"bitsandbytes", or a tower that is not quantized', got }, { cause });
  }
}

/**
 * The teacher's configuration and weights, one entry after the other quantized to a precision; `seed` fills random ones.
 * Weights that bitsandbytes stored in 8 or 4 bits stay as they are; with `llm_int8` 8-bit ones are multiplied as it does.
 * The caller owns the tensors.
 */
export function openTeacher(
  name: string,
  seed: number,
  precision: Precision = 'fp32',
): Tower<SiglipVisionConfig, siglip.SiglipVisionParams> {
  const place = locateWeights(name);
  const config = teacherConfig(name);
  const params = openParams(siglip.spec(config), place, siglip.siglipAnchor, { seed, precision });
  return { name, config, params, sha256: weightsHash(place, seed) };
}

/**
 * The student's encoder, its weights that `choose` admits at a precision; `seed` fills random ones. The caller owns the
 * tensors.
 */
export function openStudentBase(
  name: string,
  seed: number,
  precision: Precision = 'fp32',
  choose?: (path: string) => boolean,
): Tower<MobileNetV5Config, mobilenet.MobileNetV5Params> {
  const place = locateWeights(name);
  const config = studentBaseConfig(name);
  const opening = { seed, precision, choose };
  const params = openParams(mobilenet.spec(config), place, mobilenet.mobilenetV5Anchor, opening);
  return { name, config, params, sha256: weightsHash(place, seed) };
}
