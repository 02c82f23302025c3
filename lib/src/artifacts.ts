import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { datasetManifest } from './dataset_manifests.js';
import { sha256File } from './files/hash.js';
import { blobHash } from './files/hub_cache.js';
import { readJsonObject, type JsonObject } from './files/json.js';
import { differences } from './gather.js';
import type { Experiment } from './schema/generated/experiment.js';
import type { ModelManifest } from './schema/generated/model.js';
import type { ReservoirBody } from './schema/generated/reports.js';
import { isAccepted, providedDataset } from './terms.js';
import { locateWeights, weightBytes, weightFileHash, weightFiles, weightsHash } from './weights.js';

export type Artifact = ReservoirBody['artifacts'][number];

function textOf(manifest: JsonObject, name: string): string | null {
  const value = manifest[name];
  return typeof value === 'string' ? value : null;
}

/** Whether every file that a manifest names is there with its sha256. */
function matches(folder: string, manifest: JsonObject): boolean {
  const hashes = (manifest['sha256'] ?? {}) as Record<string, string>;
  return Object.entries(hashes).every(([file, hash]) => {
    const path = join(folder, file);
    return existsSync(path) && sha256File(path) === hash;
  });
}

/** Weights of the hub: licence, terms and what is otherwise than published by their manifest. */
function hubArtifact(role: string, folder: string, manifest: ModelManifest, seed: number): Artifact {
  const files = weightFiles(folder);
  // The hub's cache names files by their hash; in a cache without links there is nothing to compare with.
  const isWhole = files.every((file) => [undefined, weightFileHash(file)].includes(blobHash(file)));
  const { name, licence, terms_url } = manifest;
  return {
    ...{ name, kind: 'model', role, status: isWhole ? 'present' : 'mismatch', licence, terms_url },
    accepted: isAccepted(manifest),
    bytes: weightBytes(folder),
    sha256: filesHash(files, name, seed),
    note: [`commit ${basename(folder)}`, ...differences(manifest, folder)].join('; '),
  };
}

/** The hash of the only file, else that of all together. */
function filesHash(files: readonly string[], name: string, seed: number): string {
  return files.length === 1 ? weightFileHash(files[0] as string) : weightsHash(locateWeights(name), seed);
}

/** The weights of a role: their licence by their manifest, their size and hash by their files. */
function weightsArtifact(role: string, name: string, seed: number): Artifact {
  const place = locateWeights(name);
  const common = { name, kind: 'model', role, terms_url: null, accepted: null } as const;
  if (place.kind === 'random') {
    const sha256 = weightsHash(place, seed);
    const note = 'random weights of a configuration; results mean nothing';
    return { ...common, status: 'present', licence: 'Apache-2.0', bytes: null, sha256, note };
  }
  if (place.manifest !== undefined) return hubArtifact(role, place.folder, place.manifest, seed);
  const files = weightFiles(place.folder);
  const path = join(place.folder, 'manifest.json');
  const manifest = existsSync(path) ? readJsonObject(path) : {};
  const status = files.length === 0 ? 'missing' : matches(place.folder, manifest) ? 'present' : 'mismatch';
  return {
    ...common,
    status,
    licence: textOf(manifest, 'licence') ?? "the provider's terms",
    bytes: weightBytes(place.folder),
    sha256: filesHash(files, name, seed),
    ...(textOf(manifest, 'origin') === null ? {} : { note: textOf(manifest, 'origin') as string }),
  };
}

function datasetArtifact({ data }: Experiment): Artifact {
  const provided = providedDataset(data.dataset);
  return {
    name: data.dataset,
    kind: 'dataset',
    role: 'studies',
    status: data.root !== null && !existsSync(data.root) ? 'missing' : 'present',
    licence: datasetManifest(data.dataset).licence,
    terms_url: provided?.terms_url ?? null,
    accepted: provided === undefined ? null : isAccepted(provided),
    bytes: null,
    sha256: null,
    ...(data.root === null ? { note: 'made on this machine from its seed' } : {}),
  };
}

/** The weights and the data set of an experiment with licence, presence and hash. */
export function gatherArtifacts(experiment: Experiment): Artifact[] {
  const { teacher, student, seed } = experiment;
  return [
    weightsArtifact('teacher', teacher.weights, seed),
    weightsArtifact('student base', student.weights, seed),
    datasetArtifact(experiment),
  ];
}
