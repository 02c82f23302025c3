import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileError } from './files/atomic.js';
import { isJsonObject, readJsonObject, writeJson } from './files/json.js';
import { BadInput } from './host/errors.js';
import { cachePath } from './host/places.js';
import { modelManifest } from './model_manifests.js';
import type { ModelManifest } from './schema/generated/model.js';

/** How somebody may accept terms. */
export interface TermsOptions {
  /** Names of weights whose terms are accepted by this call. */
  readonly acceptTerms?: readonly string[] | undefined;
  /** Asks a person, where there is one. */
  readonly ask?: ((question: string) => Promise<boolean>) | undefined;
}

/** Where it stands which terms were accepted on this machine, and when. */
function termsFile(): string {
  return cachePath('terms.json');
}

function acceptances(): Readonly<Record<string, unknown>> {
  return existsSync(termsFile()) ? readJsonObject(termsFile()) : {};
}

/** Whether the terms of these weights, as they stand at their address, were accepted on this machine. */
export function isAccepted({ name, terms_url }: ModelManifest): boolean {
  const found = acceptances()[name];
  return isJsonObject(found) && found['terms_url'] === terms_url;
}

async function recordAcceptance({ name, terms_url }: ModelManifest): Promise<void> {
  const path = termsFile();
  try {
    await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw fileError(error, dirname(path), 'a folder to write to');
  }
  await writeJson(path, { ...acceptances(), [name]: { terms_url, accepted: new Date().toISOString() } });
}

/**
 * Records the terms that `acceptTerms` names in `.cache/terms.json`.
 * @throws BadInput when there are no weights of a name.
 */
export async function acceptNamedTerms({ acceptTerms = [] }: TermsOptions): Promise<void> {
  const manifests = acceptTerms.map((name) => modelManifest(name, '--accept-terms'));
  for (const manifest of manifests) if (!isAccepted(manifest)) await recordAcceptance(manifest);
}

/**
 * Sees that the terms of weights are accepted: earlier, or now by the person who is asked.
 * @throws BadInput naming the page with the terms when they are not.
 */
export async function requireTerms(manifest: ModelManifest, { ask }: TermsOptions): Promise<void> {
  if (isAccepted(manifest)) return;
  const { name, licence, terms_url, source } = manifest;
  const question = `${name} is provided under the ${licence}: ${terms_url}\nDo you accept them?`;
  if (ask !== undefined && (await ask(question))) return recordAcceptance(manifest);
  const access = source.gated ? ` (and ask for access on ${source.page})` : '';
  throw new BadInput({
    where: name,
    expected: `its terms (${licence}) to be accepted`,
    got: 'no acceptance on this machine',
    fix: `read ${terms_url}${access}, then give --accept-terms ${name}`,
  });
}
