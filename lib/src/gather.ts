import { existsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { isIntact, openRepository } from './files/hub.js';
import type { HubAccess } from './files/hub_request.js';
import { hubSettings } from './files/hub_settings.js';
import { BadInput } from './host/errors.js';
import { warn } from './host/log.js';
import { checkCheckpoint } from './models/checkpoint.js';
import { findModelManifest, modelManifest } from './model_manifests.js';
import { processorDifferences } from './processor_config.js';
import type { Experiment } from './schema/generated/experiment.js';
import type { ModelManifest } from './schema/generated/model.js';
import { acceptNamedTerms, requireTerms, type TermsOptions } from './terms.js';
import {
  gatheredFolder,
  indexFile,
  singleFile,
  towerConfig,
  towerFamilies,
  towerFiles,
  towerShards,
} from './towers.js';
import { countParameters } from './tree/spec.js';

export interface GatherOptions extends TermsOptions {
  readonly signal?: AbortSignal | undefined;
  /** The first wait before a request is repeated, ms. */
  readonly patienceMs?: number;
}

/** Weights that are on this machine. */
export interface GatheredModel {
  readonly name: string;
  readonly folder: string;
  /** The commit of the repository. */
  readonly commit: string;
  /** The files that hold the tower. */
  readonly files: readonly string[];
  readonly bytes: number;
  /** What is otherwise than the manifest says. */
  readonly notes: readonly string[];
}

/** Where a folder's tower and processor are otherwise than published, one sentence each. */
export function differences(manifest: ModelManifest, folder: string): string[] {
  const config = join(folder, 'config.json');
  const parameters = countParameters(towerFamilies[manifest.family].spec(towerConfig(config, manifest), config));
  const published = manifest.expected.parameters;
  const size =
    parameters === published ? [] : [`its tower has ${parameters} parameters, the published one ${published}`];
  return [...size, ...processorDifferences(folder, manifest.preprocessing)];
}

/** Checks names and shapes by the files' headers, and describes what is there. */
function describe(manifest: ModelManifest, folder: string): GatheredModel {
  const { anchor, spec } = towerFamilies[manifest.family];
  const config = join(folder, 'config.json');
  checkCheckpoint(spec(towerConfig(config, manifest), config), folder, anchor);
  const files = towerFiles(folder);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const notes = differences(manifest, folder);
  for (const note of notes) warn(`${manifest.name}: ${note}`);
  return { name: manifest.name, folder, commit: basename(folder), files, bytes, notes };
}

/** The first file of a gathered folder whose content is not what its hash says. */
async function firstDamaged(
  { files }: ModelManifest,
  folder: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const beside = [...files.required, ...files.optional, indexFile].map((file) => join(folder, file)).filter(existsSync);
  const needed = [...beside, ...towerFiles(folder)];
  for (const path of needed) if (!(await isIntact(path, signal))) return path;
  return undefined;
}

/** Brings configuration, processor and the tower's files of a repository into the cache. @returns the snapshot's folder. */
async function download(manifest: ModelManifest, access: HubAccess): Promise<string> {
  const { required, optional } = manifest.files;
  const repository = await openRepository(access, manifest.source.revision);
  const fetchAll = async (names: readonly string[]): Promise<void> => {
    const known = await repository.describe(names);
    for (const name of names) {
      const file = known.get(name);
      if (file !== undefined) await repository.fetch(file);
      else throw new BadInput({ where: manifest.name, expected: `a file ${name}`, got: 'none in the repository' });
    }
  };
  const listed = await repository.describe([...optional, singleFile, indexFile]);
  await fetchAll([...required, ...optional.filter((name) => listed.has(name))]);
  if (listed.has(singleFile)) await fetchAll([singleFile]);
  else {
    await fetchAll([indexFile]);
    await fetchAll(towerShards(join(repository.folder, indexFile)).map((path) => basename(path)));
  }
  return repository.folder;
}

/**
 * Gathers the weights of a manifest: takes them from the hub's cache if they are there and whole, without any request, else
 * downloads what is missing.
 * @throws BadInput when the terms are not accepted, the hub refuses or cannot be reached, or the files are not what they
 * should be.
 */
export async function gatherModel(name: string, options: GatherOptions = {}): Promise<GatheredModel> {
  const { signal, patienceMs = 1000 } = options;
  const manifest = modelManifest(name, 'weights to gather');
  await acceptNamedTerms(options);
  await requireTerms(manifest, options);
  const cached = gatheredFolder(manifest);
  const damaged = cached === undefined ? undefined : await firstDamaged(manifest, cached, signal);
  if (cached !== undefined && damaged === undefined) return describe(manifest, cached);
  const { repository, page } = manifest.source;
  const access = { ...hubSettings(), repository, page, patienceMs, signal };
  if (access.offline) {
    const got = damaged === undefined ? 'not all of them' : `damaged content in ${damaged}`;
    const fix = 'unset HF_HUB_OFFLINE to download them';
    throw new BadInput({ where: name, expected: "its files in the hub's cache", got, fix });
  }
  return describe(manifest, await download(manifest, access));
}

/** Gathers the weights of an experiment that have a manifest; folders, miniatures and random weights need no gathering. */
export async function gatherWeights({ teacher, student }: Experiment, options: GatherOptions = {}): Promise<void> {
  await acceptNamedTerms(options);
  for (const name of new Set([teacher.weights, student.weights])) {
    if (findModelManifest(name) !== undefined) await gatherModel(name, options);
  }
}
