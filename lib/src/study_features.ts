import type { Precision } from './adapters/quantize/leaves.js';
import { cacheFeatures, type FeatureRequest, type Features } from './data/feature_cache.js';
import type { HashedStudy } from './data/frame_source.js';
import { preprocess, type Preprocessing } from './data/preprocess.js';
import type { Cohort } from './training_data.js';

/** A frozen model, and what is asked of it. */
export interface FrozenModel extends Pick<FeatureRequest, 'title' | 'maps' | 'dtype' | 'batch' | 'forward'> {
  /** Of its weights. */
  readonly sha256: string;
  readonly precision: Precision;
  readonly preprocessing: Preprocessing;
}

/**
 * A frozen model's maps of the ED and ES frames of studies (indices into the cohort's), from the cache or computed now: the
 * frames of the study at place i are numbers 2i and 2i + 1. The caller closes them.
 */
export async function cacheStudyFeatures(
  { sha256, precision, ...model }: FrozenModel,
  { decoded, frames }: Pick<Cohort, 'decoded' | 'frames'>,
  studies: readonly number[],
  signal?: AbortSignal,
): Promise<Features> {
  const chosen = studies.map((study) => decoded[study] as HashedStudy);
  const studyOf = (frame: number): HashedStudy => chosen[frame >> 1] as HashedStudy;
  return cacheFeatures({
    ...model,
    weights: precision === 'fp32' ? sha256 : `${sha256} ${precision}`,
    frames: chosen.flatMap(({ hashes: { ED, ES } }) => [ED, ES]),
    async images(wanted) {
      const pairs = await Promise.all(wanted.map((frame) => frames.read(studyOf(frame))));
      return preprocess(
        pairs.map(({ ED, ES }, i) => ((wanted[i] as number) % 2 === 0 ? ED : ES)),
        model.preprocessing,
      );
    },
    prefetch: (wanted) => frames.prefetch(wanted.map(studyOf)),
    ...(signal === undefined ? {} : { signal }),
  });
}
