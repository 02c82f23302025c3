import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readJson } from './files/json.js';
import { BadInput } from './host/errors.js';
import { projectPath } from './host/places.js';
import { printable } from './host/text.js';
import type { ModelManifest } from './schema/generated/model.js';
import { validate } from './schema/validate.js';

let manifests: readonly ModelManifest[] | undefined;

/** The manifests of data-manifests/models, read once. */
export function modelManifests(): readonly ModelManifest[] {
  if (manifests !== undefined) return manifests;
  const folder = projectPath('data-manifests', 'models');
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  manifests = files.map((file) => validate<ModelManifest>('model', readJson(join(folder, file)), file));
  return manifests;
}

/** The manifest of weights by what a configuration calls them; undefined for folders, miniatures and random ones. */
export function findModelManifest(name: string): ModelManifest | undefined {
  return modelManifests().find((manifest) => manifest.name === name);
}

/** @throws BadInput when there is none of that name; `where` names the option or field. */
export function modelManifest(name: string, where: string): ModelManifest {
  const found = findModelManifest(name);
  if (found !== undefined) return found;
  const names = modelManifests().map((manifest) => manifest.name);
  throw new BadInput({ where, expected: `one of ${names.join(', ')}`, got: printable(name) });
}
