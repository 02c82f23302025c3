import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isJsonObject, readJsonObject, type JsonObject } from './files/json.js';
import { readWeightMap } from './files/safetensors.js';
import { snapshotsOf } from './files/hub_cache.js';
import { prefixOf } from './models/checkpoint.js';
import * as mobilenet from './models/mobilenet_v5.js';
import { mobilenetV5Config } from './models/mobilenet_v5_config.js';
import * as siglip from './models/siglip_vision.js';
import { siglipVisionConfig } from './models/siglip_vision_config.js';
import type { ModelManifest } from './schema/generated/model.js';
import type { Spec } from './tree/spec.js';

/** An architecture that weights can be of. */
export interface TowerFamily {
  readonly title: string;
  /** An entry that every checkpoint of the family has: where the tower's prefix ends. */
  readonly anchor: string;
  spec(config: JsonObject, where: string): Spec;
}

export const towerFamilies: Readonly<Record<ModelManifest['family'], TowerFamily>> = {
  siglip_vision: {
    title: 'a SigLIP vision tower',
    anchor: siglip.siglipAnchor,
    spec: (config, where) => siglip.spec(siglipVisionConfig(config, where)),
  },
  mobilenet_v5: {
    title: 'a MobileNetV5 encoder',
    anchor: mobilenet.mobilenetV5Anchor,
    spec: (config, where) => mobilenet.spec(mobilenetV5Config(config, where)),
  },
};

export const singleFile = 'model.safetensors';
export const indexFile = 'model.safetensors.index.json';

/** A `config.json`, with what the manifest says over it in its tower's part. */
export function towerConfig(path: string, manifest?: ModelManifest): JsonObject {
  const json = readJsonObject(path);
  if (manifest === undefined) return json;
  const tower = json['vision_config'];
  if (!isJsonObject(tower)) return { ...json, ...manifest.config_override };
  return { ...json, vision_config: { ...tower, ...manifest.config_override } };
}

/** What stands before the tower's names in an index, by whichever family is in it. */
function towerPrefix(index: string, names: readonly string[]): string {
  const source = { where: index, names: () => names };
  const [first, ...others] = Object.values(towerFamilies) as [TowerFamily, ...TowerFamily[]];
  const has = ({ anchor }: TowerFamily): boolean =>
    names.some((name) => name === anchor || name.endsWith(`.${anchor}`));
  return prefixOf(source, (others.find(has) ?? first).anchor);
}

/**
 * The files of a checkpoint in shards that hold its vision tower.
 * @throws BadInput when the index names none.
 */
export function towerShards(index: string): string[] {
  const map = readWeightMap(index);
  const prefix = towerPrefix(index, [...map.keys()]);
  const files = [...map].filter(([name]) => name.startsWith(prefix)).map(([, file]) => file);
  return [...new Set(files)].sort().map((file) => join(dirname(index), file));
}

/** The files of a folder that hold its vision tower; those of an index need not be there. Nothing where there are no weights. */
export function towerFiles(folder: string): string[] {
  const [single, index] = [join(folder, singleFile), join(folder, indexFile)];
  if (existsSync(single)) return [single];
  return existsSync(index) ? towerShards(index) : [];
}

/** Whether a folder has all that a manifest asks for. */
function isComplete(folder: string, { files }: ModelManifest): boolean {
  if (!files.required.every((file) => existsSync(join(folder, file)))) return false;
  const weights = towerFiles(folder);
  return weights.length > 0 && weights.every((file) => existsSync(file));
}

/** The snapshot of a manifest's weights in the hub's cache; undefined when they are not there, or not all of them. */
export function gatheredFolder(manifest: ModelManifest): string | undefined {
  const { repository, revision } = manifest.source;
  return snapshotsOf(repository, revision).find((folder) => isComplete(folder, manifest));
}
