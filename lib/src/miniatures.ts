import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { paramEntries } from './adapters/param_files.js';
import { describeEngine } from './engine/describe.js';
import { writeFolderAtomic } from './files/atomic_folder.js';
import { sha256File } from './files/hash.js';
import { readJsonObject, writeJson } from './files/json.js';
import { writeSafetensors } from './files/safetensors.js';
import { projectPath } from './host/places.js';
import { measureHeldOut, trainInFull } from './miniatures/full_training.js';
import { geometryTeacher } from './miniatures/geometry_teacher.js';
import type { Built, Miniature } from './miniatures/miniature.js';
import { shapesBase } from './miniatures/shapes_base.js';
import { disposeParams } from './tree/params.js';
import { countParameters } from './tree/spec.js';

/** The weights that the project makes itself. */
export const miniatures: readonly Miniature[] = [geometryTeacher, shapesBase];

const CONFIG = 'config.json';
const WEIGHTS = 'model.safetensors';
const MANIFEST = 'manifest.json';

export interface MiniatureOptions {
  /** Folder that each miniature gets a folder in; by default data-manifests/miniatures. */
  readonly out?: string | undefined;
  /** The one to make; by default both. */
  readonly only?: Miniature['role'] | undefined;
  /** Steps of training instead of the recipe's: for trying out. */
  readonly steps?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was made. */
export interface MadeMiniature {
  readonly name: string;
  readonly folder: string;
  readonly metrics: Readonly<Record<string, number>>;
}

function shortened({ recipe, ...rest }: Miniature, steps: number | undefined): Miniature {
  return { ...rest, recipe: { ...recipe, steps: steps ?? recipe.steps } };
}

async function saveTower({ tower }: Built, prefix: string, path: string): Promise<void> {
  const entries = [...paramEntries(tower.params, tower.spec)];
  await writeSafetensors(path, new Map(entries.map(([name, data]) => [prefix + name, data])), { format: 'pt' });
}

async function manifestOf(miniature: Miniature, built: Built, folder: string, metrics: MadeMiniature['metrics']) {
  const { name, role, description, recipe } = miniature;
  const { tfjs, tensorflow, device } = await describeEngine();
  return {
    name,
    role,
    description,
    origin: 'made from phantoms alone',
    licence: 'Apache-2.0',
    parameters: countParameters(built.tower.spec),
    config: CONFIG,
    recipe,
    engine: { tfjs, tensorflow, device },
    metrics,
    sha256: Object.fromEntries([CONFIG, WEIGHTS].map((file) => [file, sha256File(join(folder, file))])),
  };
}

/** Trains and stores one; the folder is begun first, so that a place that cannot be written to is found before the work. */
async function make(miniature: Miniature, out: string, signal: AbortSignal | undefined): Promise<MadeMiniature> {
  const { name, recipe, prefix } = miniature;
  const config = projectPath('data-manifests', 'configs', `${name}.json`);
  const target = join(out, name);
  let metrics: MadeMiniature['metrics'] = {};
  await writeFolderAtomic(target, async (folder) => {
    const built = miniature.build(readJsonObject(config));
    try {
      await trainInFull(built.task, recipe, name, signal);
      metrics = await measureHeldOut(built.task, recipe, signal);
      await copyFile(config, join(folder, CONFIG));
      await saveTower(built, prefix, join(folder, WEIGHTS));
      await writeJson(join(folder, MANIFEST), await manifestOf(miniature, built, folder, metrics));
    } finally {
      disposeParams(built.task.params);
    }
    await rm(target, { recursive: true, force: true });
  });
  return { name, folder: target, metrics };
}

/**
 * Makes the miniatures from their fixed seeds in the hub's layout (`config.json`, `model.safetensors`) with a manifest each;
 * one that stands there is replaced when the new one is whole. The same engine and threads give the same bytes.
 * @throws BadInput where `out` cannot be written; the signal's reason once it is aborted.
 */
export async function makeMiniatures({ out, only, steps, signal }: MiniatureOptions = {}): Promise<MadeMiniature[]> {
  const folder = out ?? projectPath('data-manifests', 'miniatures');
  const made: MadeMiniature[] = [];
  for (const miniature of miniatures) {
    if (only !== undefined && miniature.role !== only) continue;
    made.push(await make(shortened(miniature, steps), folder, signal));
  }
  return made;
}
