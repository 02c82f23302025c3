import { gatherArtifacts } from './artifacts.js';
import { datasetManifest } from './dataset_manifests.js';
import type { TermsRow } from './report/result_tables.js';
import type { Experiment } from './schema/generated/experiment.js';
import { acceptanceOf, type Provided } from './terms.js';

const words = {
  option: 'accepted by --accept-terms',
  answer: 'accepted by an answer',
  shown: 'shown, and acknowledged by use; not accepted by name',
} as const;

/** What stands recorded of terms, in words. */
function acceptanceWords(provided: Provided): string {
  const found = acceptanceOf(provided);
  return found === undefined ? 'no acceptance on this machine' : `${words[found.how]}, ${found.time}`;
}

/** The licences and terms of an experiment's weights and data, and what is recorded of them on this machine. */
export function termsOf(experiment: Experiment): TermsRow[] {
  return gatherArtifacts(experiment).map(({ name, kind, licence, terms_url }) => {
    const dataset = kind === 'dataset' ? datasetManifest(name) : undefined;
    const version = dataset?.version;
    const provided = terms_url === null ? undefined : { name, licence, terms_url, ...(version && { version }) };
    const accepted = provided === undefined ? null : acceptanceWords(provided);
    return { name, kind, licence, terms_url, citation: dataset?.citation ?? null, accepted };
  });
}
