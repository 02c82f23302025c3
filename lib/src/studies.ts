import { openDataset } from './data/dataset.js';
import { writePhantomDataset } from './data/phantom/dataset.js';
import type { Study, StudySet } from './data/study.js';
import { cachePath } from './host/places.js';
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

/**
 * The studies of an experiment with a verdict on every one of the data set; `studies` are those that the limit leaves.
 * @throws BadInput when the folder is not the data set's.
 */
export async function openStudies(experiment: Experiment, signal?: AbortSignal): Promise<StudySet> {
  const root = await dataRoot(experiment, signal);
  const set = await openDataset(experiment.data.dataset, root, { signal });
  return { ...set, studies: limited(set.studies, experiment.data.limit) };
}

/** The usable studies of a split. */
export function ofSplit({ studies }: StudySet, split: Study['split']): Study[] {
  return studies.filter((study) => study.split === split);
}
