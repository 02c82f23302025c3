import { preset } from '../schema/presets.js';
import type { Experiment } from '../schema/generated/experiment.js';
import { datasetNames } from '../data/dataset.js';
import { datasetManifest } from '../dataset_manifests.js';
import { findModelManifest } from '../model_manifests.js';
import type { TermsRow } from '../report/result_tables.js';
import { aggregatesStamp, phantomStamp } from '../report/wording.js';
import type { ReportTable } from '../schema/generated/reports.js';
import { isPublicName } from '../weights.js';

const unnamed = 'own weights';

/** Weights by their public name; a folder's path stays at home. */
export function publicName(name: unknown): string {
  return typeof name === 'string' && isPublicName(name) ? name : unnamed;
}

/** The configuration without the places that belong to somebody's machine. */
export function shareableExperiment(experiment: Experiment): Experiment {
  const { $schema, teacher, student, data, ...rest } = experiment;
  const withoutFolder = { ...data, root: null };
  // A configuration without public weights cannot be run elsewhere, but it must say so in the schema's words.
  const of = <T extends { weights: string }>(tower: T): T => ({ ...tower, weights: publicName(tower.weights) });
  return {
    ...($schema === undefined ? {} : { $schema: preset(experiment.preset).$schema }),
    ...rest,
    ...{ data: withoutFolder, teacher: of(teacher), student: of(student) },
  } as Experiment;
}

/** The stamps of what is shared of a run. */
export function shareableStamps({ data }: Experiment): string[] {
  return data.dataset === 'phantom' ? [phantomStamp] : [aggregatesStamp];
}

/** A data set or weights of a public name with the licence that its manifest gives. */
export function publicTerms(kind: unknown, name: unknown): Omit<TermsRow, 'accepted'> {
  const dataset = kind === 'dataset' ? datasetNames.find((known) => known === name) : undefined;
  if (dataset !== undefined) {
    const { licence, terms_url, citation } = datasetManifest(dataset);
    return { name: dataset, kind: 'dataset', licence, terms_url, citation };
  }
  const model = typeof name === 'string' ? findModelManifest(name) : undefined;
  const shown = publicName(name);
  const licence = model?.licence ?? (shown === unnamed ? "the provider's terms" : 'Apache-2.0');
  return { name: shown, kind: 'model', licence, terms_url: model?.terms_url ?? null, citation: null };
}

/** What the library itself writes of an acceptance; nothing else passes. */
const acceptance =
  /^(accepted by --accept-terms|accepted by an answer|shown, and acknowledged by use; not accepted by name), [\dT:.-]+Z$/;

/** The rows of a report's table of terms, with manifests' words for everything but the acceptance. */
export function shareableTerms(tables: readonly ReportTable[]): TermsRow[] {
  const rows = tables.find(({ name }) => name === 'terms')?.rows ?? [];
  return rows.map(({ kind, name, accepted }) => ({
    ...publicTerms(kind, name),
    accepted: typeof accepted === 'string' && acceptance.test(accepted) ? accepted : null,
  }));
}
