import { openDataset } from './data/dataset.js';
import { writePhantomDataset } from './data/phantom/dataset.js';
import type { Study, StudySet } from './data/study.js';
import { BadInput } from './host/errors.js';
import { cachePath } from './host/places.js';
import { printable } from './host/text.js';
import type { Experiment } from './schema/generated/experiment.js';

const splits = ['TRAIN', 'VAL', 'TEST'] as const;

/** Enough TEST studies for intervals that can tell models apart, and as many to train on as minutes allow. */
const phantomSplit = { train: 0.6, val: 0.1 };

/** The data set's folder; phantoms are made in the cache where they are not there yet. */
export async function dataRoot({ data }: Experiment, signal?: AbortSignal): Promise<string> {
  if (data.root !== null) return data.root;
  const { studies, seed, size } = data.phantom;
  const root = cachePath('phantoms', `seed${seed}-${studies}x${size}`);
  await writePhantomDataset(root, { studies, seed, size, split: phantomSplit }, { signal });
  return root;
}

/** The first `limit` studies of each split, in the data set's order. */
function limited(studies: readonly Study[], limit: number | null): Study[] {
  if (limit === null) return [...studies];
  return splits.flatMap((split) => studies.filter((study) => study.split === split).slice(0, limit));
}

/** Standardising labels takes two TRAIN studies, a result takes a TEST study. */
const fewest = { TRAIN: 2, VAL: 0, TEST: 1 } as const;

function checkEnough(set: StudySet): StudySet {
  for (const split of splits) {
    const usable = ofSplit(set, split).length;
    if (usable >= fewest[split]) continue;
    const [first] = set.verdicts.flatMap(({ id, reasons }) => reasons.map((reason) => `${id}: ${reason}`));
    const leftOut = first === undefined ? '' : ` (left out, among others: ${printable(first, 200)})`;
    throw new BadInput({
      where: `${set.root}, split ${split}`,
      expected: `at least ${fewest[split]} usable ${fewest[split] === 1 ? 'study' : 'studies'}`,
      got: `${usable}${leftOut}`,
      fix: 'see what "3ncore data check" says of it',
    });
  }
  return set;
}

/**
 * The studies of an experiment with a verdict on every one of the data set; `studies` are those that the limit leaves.
 * @throws BadInput when the folder is not the data set's, or too few studies of a split are usable.
 */
export async function openStudies(experiment: Experiment, signal?: AbortSignal): Promise<StudySet> {
  const root = await dataRoot(experiment, signal);
  const set = await openDataset(experiment.data.dataset, root, { signal });
  return checkEnough({ ...set, studies: limited(set.studies, experiment.data.limit) });
}

/** The usable studies of a split. */
export function ofSplit({ studies }: StudySet, split: Study['split']): Study[] {
  return studies.filter((study) => study.split === split);
}
