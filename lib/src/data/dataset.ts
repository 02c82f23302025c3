import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { toCsv } from '../files/csv.js';
import { readCamus } from './camus.js';
import { readClips } from './clips.js';
import { readEchoNetDynamic, type ReadOptions } from './echonet_dynamic.js';
import { FIELD_MM } from './phantom/view.js';
import type { CinePicture, StudySet } from './study.js';

/** Data sets that can be read. */
export const datasetNames = ['phantom', 'echonet-dynamic', 'camus', 'clips'] as const;
export type DatasetName = (typeof datasetNames)[number];

/** A data set's name as given by a user; an unknown one is {@link BadInput}. */
export function parseDatasetName(name: string): DatasetName {
  const known = datasetNames.find((candidate) => candidate === name);
  if (known !== undefined) return known;
  throw new BadInput({ where: '--dataset', expected: datasetNames.join(' or '), got: printable(name) });
}

const phantomPicture: CinePicture = { preparation: 'whole', field: [FIELD_MM, FIELD_MM] };

/** The studies of a data set in a folder; the phantom's folder has the layout of EchoNet-Dynamic. */
export async function openDataset(
  name: DatasetName,
  root: string,
  options: Omit<ReadOptions, 'dataset' | 'picture'> = {},
): Promise<StudySet> {
  if (name === 'camus') return readCamus(root, options);
  if (name === 'clips') return readClips(root, options);
  return readEchoNetDynamic(root, {
    ...options,
    dataset: name,
    picture: name === 'phantom' ? phantomPicture : undefined,
  });
}

const studyColumns = ['study', 'view', 'split', 'usable', 'reason', 'edFrame', 'esFrame', 'EDV', 'ESV', 'EF'] as const;

/**
 * The text of `studies.csv`: one row a verdict, its reasons joined by `; `, unknown values empty. Where frames were found the
 * last column says how sure they are.
 */
export function studiesCsv(set: StudySet): string {
  const rows = set.verdicts.map(({ id, reasons, ...verdict }) => ({
    study: id,
    reason: reasons.join('; '),
    ...verdict,
    confidence: verdict.confidence === undefined ? null : Number(verdict.confidence.toFixed(3)),
  }));
  const someFound = rows.some(({ confidence }) => confidence !== null);
  return toCsv(someFound ? [...studyColumns, 'confidence'] : studyColumns, rows);
}
