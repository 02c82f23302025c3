import type * as tf from '@tensorflow/tfjs';
import { augmentPair, type Augmentation } from './data/augment.js';
import { extractEach } from './data/extract_each.js';
import type { FramePool } from './data/frame_pool.js';
import { hashedStudy, type FrameSource, type HashedStudy } from './data/frame_source.js';
import type { FramePair } from './data/frames.js';
import { preprocess, type Preprocessing } from './data/preprocess.js';
import type { Study } from './data/study.js';
import type { Decoder } from './data/video_frames.js';
import { labelsOf, type StudyImages, type TrainData, type TrainStudy } from './distill/data.js';
import { standardisationOf, type Standardisation, type Targets } from './distill/targets.js';
import { startProgress } from './host/progress.js';
import { table } from './report/table.js';
import { fold } from './tree/random.js';
import type { Experiment, Preprocessing as PreprocessingConfig } from './schema/generated/experiment.js';
import type { CohortPart, ReportTable } from './schema/generated/reports.js';

/** The studies whose frames could be decoded, by what, and why others could not. */
export interface DecodedStudies {
  readonly decoded: readonly HashedStudy[];
  readonly decoders: Readonly<Partial<Record<Decoder, number>>>;
  readonly unreadable: readonly { readonly study: Study; readonly reason: string }[];
}

/** Decodes the ED and ES frames of studies, in their order, and keeps their hashes and geometry alone. */
export async function decodeAll(
  pool: FramePool,
  studies: readonly Study[],
  signal?: AbortSignal,
): Promise<DecodedStudies> {
  const decoded: HashedStudy[] = [];
  const decoders: Partial<Record<Decoder, number>> = {};
  const unreadable: { study: Study; reason: string }[] = [];
  const progress = startProgress('ED and ES frames', studies.length);
  for await (const extraction of extractEach(pool, studies, signal)) {
    if (extraction.kind === 'frames') {
      const { decoder } = extraction.frames;
      decoded.push(hashedStudy(extraction));
      decoders[decoder] = (decoders[decoder] ?? 0) + 1;
    } else {
      unreadable.push({ study: extraction.study, reason: extraction.reason });
    }
    progress.advance();
  }
  progress.end();
  return { decoded, decoders, unreadable };
}

/** What a report says of studies whose frames could not be decoded; nothing where there are none. */
export function unreadableTable({ unreadable }: DecodedStudies): ReportTable[] {
  if (unreadable.length === 0) return [];
  const rows = unreadable.map(({ study, reason }) => ({ study: study.id, split: study.split, reason }));
  return [table('unreadable', 'Left out: frames that could not be decoded', rows)];
}

/** The configuration's preprocessing as the tensors' maker takes it. */
export function preprocessingOf(config: PreprocessingConfig): Preprocessing {
  return config as PreprocessingConfig & Pick<Preprocessing, 'mean' | 'std'>;
}

/** EDV, ESV and EF of a study. */
export function targetsOf({ EDV, ESV, EF }: Study): Targets {
  return [EDV, ESV, EF];
}

/** The studies of training and analysis with the labels that training may see. */
export interface Cohort {
  /** Those whose frames decode; everything else counts by their place here. */
  readonly decoded: readonly HashedStudy[];
  readonly frames: FrameSource;
  readonly train: readonly number[];
  readonly validation: readonly number[];
  readonly test: readonly number[];
  readonly studies: readonly TrainStudy[];
  readonly standardisation: Standardisation;
}

/** Splits the studies; of TRAIN only the first `labelled` give their labels. @throws BadInput when too few do. */
export function cohortOf(decoded: readonly HashedStudy[], frames: FrameSource, labelled: number | null): Cohort {
  const indicesOf = (split: Study['split']): number[] =>
    decoded.flatMap(({ study }, i) => (study.split === split ? [i] : []));
  const train = indicesOf('TRAIN');
  const unlabelled = new Set(labelled === null ? [] : train.slice(labelled));
  const studies = decoded.map(({ study }, i) => ({
    id: study.id,
    targets: unlabelled.has(i) ? null : targetsOf(study),
  }));
  const standardisation = standardisationOf(labelsOf({ studies }, train));
  const parts = { train, validation: indicesOf('VAL'), test: indicesOf('TEST') };
  return { decoded, frames, ...parts, studies, standardisation };
}

/** How many studies and patients of each split there are, and how many patients with labels. */
export function cohortSizes({ decoded, studies, train, validation, test }: Cohort): Record<Study['split'], CohortPart> {
  const patientsOf = (indices: readonly number[]): number =>
    new Set(indices.map((i) => (decoded[i] as HashedStudy).study.patient)).size;
  const of = (indices: readonly number[]): CohortPart => ({
    studies: indices.length,
    patients: patientsOf(indices),
    labelled_patients: patientsOf(indices.filter((i) => studies[i]?.targets !== null)),
  });
  return { TRAIN: of(train), VAL: of(validation), TEST: of(test) };
}

/** The student's inputs of some studies, with a key augmented, each study by its place; owned by the caller. */
export function studentImages(
  { decoded, frames }: Pick<Cohort, 'decoded' | 'frames'>,
  preprocessing: Preprocessing,
  augmentation?: Augmentation,
): StudyImages {
  const studiesOf = (indices: readonly number[]): HashedStudy[] =>
    indices.map((study) => decoded[study] as HashedStudy);
  return {
    async images(indices, key) {
      const stored = await Promise.all(studiesOf(indices).map((study) => frames.read(study)));
      const pairs: Pick<FramePair, 'ED' | 'ES'>[] =
        key === undefined || augmentation === undefined
          ? stored
          : stored.map((pair, place) => augmentPair(pair, augmentation, fold(key, place)));
      const of = (frame: 'ED' | 'ES'): tf.Tensor4D =>
        preprocess(
          pairs.map((pair) => pair[frame]),
          preprocessing,
        );
      return { ED: of('ED'), ES: of('ES') };
    },
    prefetch: (indices) => frames.prefetch(studiesOf(indices)),
  };
}

/** What training takes, from a cohort and what the bridges match; the student's inputs are frames or what stands for them. */
export function trainData(
  experiment: Experiment,
  cohort: Cohort,
  teacher: TrainData['teacher'],
  inputs?: TrainData['images'],
): TrainData {
  const { studies, train, validation } = cohort;
  const { student, training } = experiment;
  const given: StudyImages =
    inputs === undefined
      ? studentImages(cohort, preprocessingOf(student.preprocessing), training.augmentation)
      : { images: inputs };
  return { studies, train, validation, ...given, teacher };
}
