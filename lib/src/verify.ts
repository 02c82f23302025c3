import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { openEngine } from './engine/open.js';
import { isJsonObject, readJson } from './files/json.js';
import { yieldToEvents } from './host/abort.js';
import { BadInput } from './host/errors.js';
import { startProgress } from './host/progress.js';
import { failure, type Comparison } from './verify/compare.js';
import { replays } from './verify/replay.js';

/** Kinds of golden cases (goldens/README.md), also those that are not replayed yet. */
const kinds = ['siglip', 'mobilenetv5', 'preprocess', 'lora', 'quant', 'kd', 'gemma3n', 'full'] as const;

interface GoldenCase {
  readonly kind: string;
  readonly folder: string;
  readonly name: string;
}

/** What {@link verify} found. */
export interface VerifyReport {
  readonly passed: boolean;
  readonly engine: string;
  readonly cases: readonly Comparison[];
  /** Cases of kinds that are not replayed yet. */
  readonly notReplayed: readonly string[];
}

function jsonHas(path: string, test: (json: Record<string, unknown>) => boolean): boolean {
  if (!existsSync(path)) return false;
  const json = readJson(path);
  return isJsonObject(json) && test(json);
}

/** The kind of a case by what is in its folder, so that a case may stand anywhere. */
function kindByContent(folder: string): string | undefined {
  const has = (file: string): boolean => existsSync(join(folder, file));
  const config = join(folder, 'config.json');
  if (has('adaptive_avg_pool2d.safetensors')) return 'preprocess';
  if (has('kd.json')) return 'kd';
  if (has('adapter_config.json') && has('io.safetensors')) return 'lora';
  if (jsonHas(config, (json) => Array.isArray(json['cases']) && 'arch_def' in json)) return 'mobilenetv5';
  if (jsonHas(config, (json) => /^siglip/.test(String(json['model_type'])) || 'patch_size' in json)) return 'siglip';
  if (jsonHas(config, (json) => /^gemma3n/.test(String(json['model_type'])))) return 'gemma3n';
  return undefined;
}

function kindByName(folder: string): string | undefined {
  return [basename(folder), basename(dirname(folder))].find((name) => (kinds as readonly string[]).includes(name));
}

/** The golden cases at or below a folder: a golden root, the folder of a kind, or one case. */
function findCases(folder: string): GoldenCase[] {
  const entries = readdirSync(folder, { withFileTypes: true });
  const kind = kindByContent(folder);
  const named = kindByName(folder);
  const holdsFiles = entries.some((entry) => entry.isFile());
  if (kind !== undefined || (named !== undefined && holdsFiles)) {
    const name = basename(folder) === (kind ?? named) ? basename(folder) : `${kind ?? named}/${basename(folder)}`;
    return [{ kind: kind ?? (named as string), folder, name }];
  }
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return folders.sort().flatMap((name) => findCases(join(folder, name)));
}

function casesOf(dirs: readonly string[]): GoldenCase[] {
  const found = new Map<string, GoldenCase>();
  for (const dir of dirs) {
    if (!existsSync(dir) || !statSync(dir).isDirectory()) {
      throw new BadInput({ where: dir, expected: 'a folder of golden cases', got: 'no such folder' });
    }
    for (const golden of findCases(realpathSync(dir))) found.set(golden.folder, golden);
  }
  return [...found.values()];
}

function replay({ kind, folder, name }: GoldenCase): Comparison[] {
  try {
    const comparisons = replays[kind]?.(folder, name) ?? [];
    return comparisons.length > 0 ? comparisons : [failure(name, 'no file to compare with')];
  } catch (error) {
    if (error instanceof BadInput) return [failure(name, error.message)];
    throw error;
  }
}

/**
 * Replays golden cases in any of the given folders and compares with the tolerances of goldens/README.md. A case whose
 * files are damaged fails; kinds that are not replayed yet are only listed.
 * @throws BadInput when a folder does not exist; Interrupted when the signal is aborted between two cases.
 */
export async function verify(dirs: readonly string[], signal?: AbortSignal): Promise<VerifyReport> {
  const found = casesOf(dirs);
  const replayed = found.filter(({ kind }) => kind in replays);
  const engine = await openEngine();
  const progress = startProgress('verify', replayed.length);
  const cases: Comparison[] = [];
  for (const golden of replayed) {
    await yieldToEvents(signal);
    cases.push(...replay(golden));
    progress.advance(1, golden.name);
  }
  progress.end();
  return {
    passed: cases.length > 0 && cases.every(({ passed }) => passed),
    engine,
    cases,
    notReplayed: found.filter(({ kind }) => !(kind in replays)).map(({ name }) => name),
  };
}
