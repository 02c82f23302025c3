import { cacheFeatures, frameHash, type FeatureRequest, type Features } from './data/feature_cache.js';
import { preprocess, type Preprocessing } from './data/preprocess.js';
import type { GreyImage } from './data/study.js';
import type { Precision } from './adapters/quantize/leaves.js';
import type { LoadedStudy } from './training_data.js';

/** A frozen model, and what is asked of it. */
export interface FrozenModel extends Pick<FeatureRequest, 'title' | 'maps' | 'dtype' | 'batch' | 'forward'> {
  /** Of its weights. */
  readonly sha256: string;
  readonly precision: Precision;
  readonly preprocessing: Preprocessing;
}

/**
 * A frozen model's maps of the ED and ES frames of studies, from the cache or computed now: the frames of the study at place
 * i are numbers 2i and 2i + 1. The caller closes them.
 */
export async function cacheStudyFeatures(
  { sha256, precision, ...model }: FrozenModel,
  studies: readonly LoadedStudy[],
  signal?: AbortSignal,
): Promise<Features> {
  const images = studies.flatMap(({ frames }) => [frames.ED, frames.ES]);
  return cacheFeatures({
    ...model,
    weights: precision === 'fp32' ? sha256 : `${sha256} ${precision}`,
    frames: images.map(frameHash),
    images: (indices) =>
      preprocess(
        indices.map((i) => images[i] as GreyImage),
        model.preprocessing,
      ),
    ...(signal === undefined ? {} : { signal }),
  });
}
