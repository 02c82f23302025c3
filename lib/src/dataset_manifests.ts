import { readJsonObject } from './files/json.js';
import { projectPath } from './host/places.js';

/** What a data set's manifest (Croissant, data-manifests/datasets) says of its terms. */
export interface DatasetManifest {
  readonly name: string;
  /** Of the manifest. */
  readonly version: string;
  readonly licence: string;
  /** The page with the terms that a user must hold the data under; null where there are none beyond the licence. */
  readonly terms_url: string | null;
  readonly citation: string;
  /** How it was collected, what it is biased by, and what it says of people (RAI fields). */
  readonly collection: string;
  readonly biases: string;
  readonly sensitive: string;
}

/** A data set's manifest by the name in `data.dataset`. */
export function datasetManifest(name: string): DatasetManifest {
  const path = projectPath('data-manifests', 'datasets', `${name}.json`);
  const manifest = readJsonObject(path);
  const textOf = (field: string): string => {
    const value = manifest[field];
    if (typeof value === 'string') return value;
    throw new Error(`${path}: no text in ${field}`);
  };
  const terms = manifest['usageInfo'];
  return {
    ...{ name, version: textOf('version'), licence: textOf('license'), citation: textOf('citeAs') },
    ...{ collection: textOf('rai:dataCollection'), biases: textOf('rai:dataBiases') },
    sensitive: [manifest['rai:personalSensitiveInformation']].flat().join(' '),
    terms_url: typeof terms === 'string' ? terms : null,
  };
}
