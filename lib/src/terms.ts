import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { datasetNames } from './data/dataset.js';
import { datasetManifest, type DatasetManifest } from './dataset_manifests.js';
import { fileError } from './files/atomic.js';
import { isJsonObject, readJsonObject, writeJson } from './files/json.js';
import { BadInput } from './host/errors.js';
import { info } from './host/log.js';
import { cachePath } from './host/places.js';
import { printable } from './host/text.js';
import { kernelPort } from './jupyter/kernel.js';
import { findModelManifest, modelManifests } from './model_manifests.js';
import type { ModelManifest } from './schema/generated/model.js';

/** How somebody may accept terms. */
export interface TermsOptions {
  /** Names of weights and data sets whose terms are accepted by this call. */
  readonly acceptTerms?: readonly string[] | undefined;
  /** Asks a person, where there is one. */
  readonly ask?: ((question: string) => Promise<boolean>) | undefined;
}

/** What is provided under terms: weights or a data set. */
export interface Provided {
  readonly name: string;
  readonly licence: string;
  readonly terms_url: string;
  /** Of a data set's manifest. */
  readonly version?: string;
}

/**
 * How terms became known: accepted by `--accept-terms` or by an answer at a terminal, or `shown` where nobody could be
 * asked, so that using the data acknowledges them.
 */
export type AcceptedHow = 'option' | 'answer' | 'shown';

/** What stands recorded of terms. */
export interface Acceptance {
  readonly how: AcceptedHow;
  /** UTC. */
  readonly time: string;
}

const ways: readonly unknown[] = ['option', 'answer', 'shown'] satisfies AcceptedHow[];

/** Where it stands which terms were accepted on this machine, when and how. */
function termsFile(): string {
  return cachePath('terms.json');
}

function acceptances(): Readonly<Record<string, unknown>> {
  return existsSync(termsFile()) ? readJsonObject(termsFile()) : {};
}

/** What is recorded on this machine of terms as they stand at their address; undefined where nothing is. */
export function acceptanceOf({ name, terms_url, version }: Provided): Acceptance | undefined {
  const found = acceptances()[name];
  if (!isJsonObject(found) || found['terms_url'] !== terms_url || found['version'] !== version) return undefined;
  const { how = 'option', accepted } = found;
  if (!ways.includes(how) || typeof accepted !== 'string') return undefined;
  return { how: how as AcceptedHow, time: accepted };
}

/** Whether somebody accepted these terms on this machine. */
export function isAccepted(provided: Provided): boolean {
  const found = acceptanceOf(provided);
  return found !== undefined && found.how !== 'shown';
}

async function record({ name, terms_url, version }: Provided, how: AcceptedHow): Promise<void> {
  const path = termsFile();
  try {
    await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw fileError(error, dirname(path), 'a folder to write to');
  }
  const entry = { terms_url, ...(version === undefined ? {} : { version }), accepted: new Date().toISOString(), how };
  await writeJson(path, { ...acceptances(), [name]: entry });
}

/** A data set that has terms; undefined for one under its licence alone. */
export function providedDataset(name: string): (DatasetManifest & Provided) | undefined {
  const { terms_url, ...manifest } = datasetManifest(name);
  return terms_url === null ? undefined : { ...manifest, terms_url };
}

/** @throws BadInput when neither weights nor a data set with terms has that name. */
function providedBy(name: string): Provided {
  const dataset = datasetNames.find((known) => known === name);
  const found = findModelManifest(name) ?? (dataset === undefined ? undefined : providedDataset(dataset));
  if (found !== undefined) return found;
  const withTerms = datasetNames.filter((known) => providedDataset(known) !== undefined);
  const names = [...modelManifests().map((manifest) => manifest.name), ...withTerms];
  throw new BadInput({ where: '--accept-terms', expected: `one of ${names.join(', ')}`, got: printable(name) });
}

/**
 * Records the terms that `acceptTerms` names in `.cache/terms.json`.
 * @throws BadInput when there are neither weights nor a data set of a name.
 */
export async function acceptNamedTerms({ acceptTerms = [] }: TermsOptions): Promise<void> {
  const named = acceptTerms.map(providedBy);
  for (const provided of named) if (!isAccepted(provided)) await record(provided, 'option');
}

function question({ name, licence, terms_url }: Provided): string {
  return `${name} is provided under the ${licence}: ${terms_url}\nDo you accept them?`;
}

/**
 * Sees that the terms of weights are accepted: earlier, or now by the person who is asked.
 * @throws BadInput naming the page with the terms when they are not.
 */
export async function requireTerms(manifest: ModelManifest, { ask }: TermsOptions): Promise<void> {
  if (isAccepted(manifest)) return;
  const { name, licence, terms_url, source } = manifest;
  if (ask !== undefined && (await ask(question(manifest)))) return record(manifest, 'answer');
  const access = source.gated ? ` (and ask for access on ${source.page})` : '';
  throw new BadInput({
    where: name,
    expected: `its terms (${licence}) to be accepted`,
    got: 'no acceptance on this machine',
    fix: `read ${terms_url}${access}, then give --accept-terms ${name}`,
  });
}

/** What is said of a data set's terms wherever its results are shown; nothing of one under its licence alone. */
export function dataTermsNotes(dataset: string): string[] {
  const provided = providedDataset(dataset);
  if (provided === undefined) return [];
  const { name, licence, terms_url, citation } = provided;
  const held = isAccepted(provided)
    ? 'They are accepted on this machine.'
    : `By pointing to the data you say that you hold it under these terms (--accept-terms ${name}).`;
  return [`${name} is provided under: ${licence}. Its terms: ${terms_url}. ${held}`, `Cite: ${citation}`];
}

/** Data sets whose terms this process has shown. */
const shown = new Set<string>();

/**
 * Shows the terms of a data set, once in a process, where they are not accepted, and asks a person where there is one. Where nobody can be asked
 * the work goes on: whoever points to the data says to hold it under its terms, and that they were shown is recorded.
 * @throws BadInput naming the page with the terms when the person who was asked does not accept them.
 */
export async function showDataTerms(dataset: string, { ask }: TermsOptions = {}): Promise<void> {
  const provided = providedDataset(dataset);
  if (provided === undefined || isAccepted(provided)) return;
  const { name, terms_url } = provided;
  if (ask === undefined) {
    if (shown.has(name)) return;
    shown.add(name);
    // A notebook has them among the notes under its studies.
    if (kernelPort() === undefined) dataTermsNotes(name).forEach(info);
    return record(provided, 'shown');
  }
  if (await ask(question(provided))) return record(provided, 'answer');
  throw new BadInput({
    where: name,
    expected: 'its terms to be accepted',
    got: 'a no',
    fix: `read ${terms_url}, then give --accept-terms ${name}`,
  });
}
