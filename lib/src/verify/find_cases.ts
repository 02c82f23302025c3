import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isJsonObject, readJsonObject, type JsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';
import { keyLists } from './key_lists.js';

/** Folders that golden cases of a kind stand in (goldens/README.md). */
const kinds = ['siglip', 'mobilenetv5', 'preprocess', 'lora', 'quant', 'kd', 'gemma3n', 'full'];

/** Kinds that share the folder of another. */
const parents: Readonly<Record<string, string>> = {
  adaptive_avg_pool2d: 'preprocess',
  gemma3n_vision: 'gemma3n',
  gemma3n_text: 'gemma3n',
  gemma3n_slice: 'gemma3n',
};

/** A folder of golden files of one kind. */
export interface GoldenCase {
  readonly kind: string;
  readonly folder: string;
  /** Kind and folder, e.g. `siglip/p14_56`. */
  readonly name: string;
}

/** The configuration in a folder; a damaged one is left to the replay, which says what is wrong with it. */
function configOf(folder: string): JsonObject {
  const path = join(folder, 'config.json');
  if (!existsSync(path)) return {};
  try {
    return readJsonObject(path);
  } catch (error) {
    if (error instanceof BadInput) return {};
    throw error;
  }
}

/** The kinds of golden files in a folder by what they are, so that a case may stand anywhere. */
function kindsByContent(folder: string): string[] {
  const has = (file: string): boolean => existsSync(join(folder, file));
  const pooling = has('adaptive_avg_pool2d.safetensors') ? ['adaptive_avg_pool2d'] : [];
  if (has('preprocess.safetensors')) return [...pooling, 'preprocess'];
  if (pooling.length > 0) return pooling;
  if (has('kd.json')) return ['kd'];
  const { known, unknown } = keyLists(folder);
  if (known.length + unknown.length > 0) {
    return [...(known.length > 0 ? ['full'] : []), ...(unknown.length > 0 ? ['other_keys'] : [])];
  }
  if (has('adapter_config.json') && has('io.safetensors')) return ['lora'];
  const config = configOf(folder);
  const type = String(config['model_type']);
  if ('arch_def' in config || /^mobilenetv5/.test(String(config['architecture']))) return ['mobilenetv5'];
  if (type === 'gemma3n' && isJsonObject(config['vision_config'])) return ['gemma3n_vision'];
  if (type.startsWith('gemma3n')) return [has('tensors.json') ? 'gemma3n_slice' : 'gemma3n_text'];
  if (type.startsWith('siglip') || 'patch_size' in config) return ['siglip'];
  const matrices = readdirSync(folder).some((file) => /^case\d+_\d+x\d+\.safetensors$/.test(file));
  return matrices && !has('config.json') ? ['quant'] : [];
}

function kindByName(folder: string): string | undefined {
  return [basename(folder), basename(dirname(folder))].find((name) => kinds.includes(name));
}

function caseOf(kind: string, folder: string): GoldenCase {
  const parent = parents[kind] ?? kind;
  return { kind, folder, name: basename(folder) === parent ? parent : `${parent}/${basename(folder)}` };
}

function casesBelow(folder: string): GoldenCase[] {
  const found = kindsByContent(folder);
  if (found.length > 0) return found.map((kind) => caseOf(kind, folder));
  const entries = readdirSync(folder, { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const below = folders.sort().flatMap((name) => casesBelow(join(folder, name)));
  const named = kindByName(folder);
  const isCase = below.length === 0 && named !== undefined && entries.some((entry) => entry.isFile());
  return isCase ? [caseOf(named, folder)] : below;
}

/**
 * The golden cases at or below the given folders, each once: a golden root, the folder of a kind, or one case.
 * @throws BadInput when a folder does not exist.
 */
export function findCases(dirs: readonly string[]): GoldenCase[] {
  const found = new Map<string, GoldenCase>();
  for (const dir of dirs) {
    if (!existsSync(dir) || !statSync(dir).isDirectory()) {
      throw new BadInput({ where: dir, expected: 'a folder of golden cases', got: 'no such folder' });
    }
    for (const golden of casesBelow(realpathSync(dir))) found.set(`${golden.kind} ${golden.folder}`, golden);
  }
  return [...found.values()];
}
