import type * as tf from '@tensorflow/tfjs';
import { augmentPair, type Augmentation } from './data/augment.js';
import { extractEach, type FramePair } from './data/frames.js';
import { preprocess, type Preprocessing } from './data/preprocess.js';
import type { Study } from './data/study.js';
import { labelsOf, type TrainData, type TrainStudy } from './distill/data.js';
import { standardisationOf, type Standardisation, type Targets } from './distill/targets.js';
import { startProgress } from './host/progress.js';
import { fold, type Key } from './tree/random.js';
import type { Experiment, Preprocessing as PreprocessingConfig } from './schema/generated/experiment.js';

/** A study with its two frames decoded. */
export interface LoadedStudy {
  readonly study: Study;
  readonly frames: FramePair;
}

/** The studies whose frames could be decoded, and why others could not. */
export interface LoadedStudies {
  readonly loaded: readonly LoadedStudy[];
  readonly unreadable: readonly { readonly study: Study; readonly reason: string }[];
}

/** Decodes the ED and ES frames of studies, in their order. */
export async function loadFrames(studies: readonly Study[], signal?: AbortSignal): Promise<LoadedStudies> {
  const loaded: LoadedStudy[] = [];
  const unreadable: { study: Study; reason: string }[] = [];
  const progress = startProgress('ED and ES frames', studies.length);
  for await (const extraction of extractEach(studies, { signal })) {
    const { study } = extraction;
    if (extraction.kind === 'frames') loaded.push({ study, frames: extraction.frames });
    else unreadable.push({ study, reason: extraction.reason });
    progress.advance();
  }
  progress.end();
  return { loaded, unreadable };
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
  readonly loaded: readonly LoadedStudy[];
  readonly train: readonly number[];
  readonly validation: readonly number[];
  readonly test: readonly number[];
  readonly studies: readonly TrainStudy[];
  readonly standardisation: Standardisation;
}

/** Splits the loaded studies; of TRAIN only the first `labelled` give their labels. @throws BadInput when too few do. */
export function cohortOf(loaded: readonly LoadedStudy[], labelled: number | null): Cohort {
  const indicesOf = (split: Study['split']): number[] =>
    loaded.flatMap(({ study }, i) => (study.split === split ? [i] : []));
  const train = indicesOf('TRAIN');
  const unlabelled = new Set(labelled === null ? [] : train.slice(labelled));
  const studies = loaded.map(({ study }, i) => ({
    id: study.id,
    targets: unlabelled.has(i) ? null : targetsOf(study),
  }));
  const standardisation = standardisationOf(labelsOf({ studies }, train));
  return { loaded, train, validation: indicesOf('VAL'), test: indicesOf('TEST'), studies, standardisation };
}

/** The student's inputs of some studies, with a key augmented, each study by its place; owned by the caller. */
export function studentImages(
  loaded: readonly LoadedStudy[],
  preprocessing: Preprocessing,
  augmentation?: Augmentation,
) {
  const pairAt = (study: number, place: number, key: Key | undefined): Pick<FramePair, 'ED' | 'ES'> => {
    const { frames } = loaded[study] as LoadedStudy;
    return key === undefined || augmentation === undefined
      ? frames
      : augmentPair(frames, augmentation, fold(key, place));
  };
  return (indices: readonly number[], key?: Key) => {
    const pairs = indices.map((study, place) => pairAt(study, place, key));
    const of = (frame: 'ED' | 'ES'): tf.Tensor4D =>
      preprocess(
        pairs.map((pair) => pair[frame]),
        preprocessing,
      );
    return { ED: of('ED'), ES: of('ES') };
  };
}

/** What training takes, from a cohort and what the bridges match; the student's inputs are frames or what stands for them. */
export function trainData(
  experiment: Experiment,
  cohort: Cohort,
  teacher: TrainData['teacher'],
  inputs?: TrainData['images'],
): TrainData {
  const { studies, train, validation, loaded } = cohort;
  const { student, training } = experiment;
  const images = inputs ?? studentImages(loaded, preprocessingOf(student.preprocessing), training.augmentation);
  return { studies, train, validation, images, teacher };
}
