import { createHash } from 'node:crypto';
import type * as tf from '@tensorflow/tfjs';
import { cacheFeatures, type Features, type PooledMap } from './data/feature_cache.js';
import { extractEach, type FramePair } from './data/frames.js';
import { preprocess, type Preprocessing } from './data/preprocess.js';
import type { GreyImage, Study } from './data/study.js';
import { labelsOf, type TrainData, type TrainStudy } from './distill/data.js';
import { standardisationOf, type Standardisation, type Targets } from './distill/targets.js';
import { compile } from './engine/compile.js';
import { startProgress } from './host/progress.js';
import { pooledTeacherGrid } from './models/projector.js';
import * as siglip from './models/siglip_vision.js';
import { patchGrid } from './models/siglip_vision_config.js';
import type { PlannedBridge } from './bridges.js';
import type { Experiment, Preprocessing as PreprocessingConfig } from './schema/generated/experiment.js';
import { disposeParams } from './tree/params.js';
import { openTeacher } from './weights.js';

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

function hashOf({ height, width, data }: GreyImage): string {
  return createHash('sha256').update(`${height}x${width}`).update(data).digest('hex');
}

/** Frames in the order of their features: ED and ES of the first TRAIN study, of the second, … */
function trainFrames({ loaded, train }: Cohort): GreyImage[] {
  return train.flatMap((i) => {
    const { ED, ES } = (loaded[i] as LoadedStudy).frames;
    return [ED, ES];
  });
}

/** The student's inputs of some studies, owned by the caller. */
export function studentImages(loaded: readonly LoadedStudy[], preprocessing: Preprocessing) {
  const of = (indices: readonly number[], frame: 'ED' | 'ES'): tf.Tensor4D =>
    preprocess(
      indices.map((i) => (loaded[i] as LoadedStudy).frames[frame]),
      preprocessing,
    );
  return (indices: readonly number[]) => ({ ED: of(indices, 'ED'), ES: of(indices, 'ES') });
}

/** The distinct maps that the bridges ask of the teacher. */
export function pooledMaps(planned: readonly Pick<PlannedBridge, 'config'>[]): PooledMap[] {
  const maps = planned.map(({ config }) => ({ layer: config.teacher, grid: config.grid }));
  return maps.filter((map, i) => maps.findIndex(({ layer, grid }) => layer === map.layer && grid === map.grid) === i);
}

const teacherBatch = 16;

/**
 * The frozen teacher's features of every frame of TRAIN, pooled to the bridges' grids and kept in the cache; the caller
 * closes them.
 */
export async function teacherFeatures(
  experiment: Experiment,
  planned: readonly PlannedBridge[],
  cohort: Cohort,
  signal?: AbortSignal,
): Promise<Features> {
  const { params, config, sha256 } = openTeacher(experiment.teacher.weights, experiment.seed);
  const preprocessing = preprocessingOf(experiment.teacher.preprocessing);
  const frames = trainFrames(cohort);
  const maps = pooledMaps(planned);
  const tokenGrid = patchGrid(config, [preprocessing.height, preprocessing.width]);
  const forward = compile((images: tf.Tensor4D) => {
    const found = siglip.forward(params, images, config, {
      features: maps.map(({ layer }) => layer),
      interpolatePosEncoding: true,
    });
    return maps.map(({ layer, grid }) => pooledTeacherGrid(found[layer] as tf.Tensor3D, tokenGrid, [grid, grid]));
  });
  try {
    return await cacheFeatures({
      weights: sha256,
      preprocessing,
      maps,
      dtype: experiment.teacher.feature_dtype,
      frames: frames.map(hashOf),
      batch: teacherBatch,
      images: (indices) =>
        preprocess(
          indices.map((i) => frames[i] as GreyImage),
          preprocessing,
        ),
      teacher: (images) => forward(images),
      ...(signal === undefined ? {} : { signal }),
    });
  } finally {
    forward.dispose();
    disposeParams(params);
  }
}

/** What training takes, from a cohort and the teacher's features. */
export function trainData(experiment: Experiment, cohort: Cohort, features: Features | undefined): TrainData {
  const { studies, train, validation, loaded } = cohort;
  const images = studentImages(loaded, preprocessingOf(experiment.student.preprocessing));
  const maps = pooledMaps(experiment.bridges.map((config) => ({ config })));
  const placeOf = new Map(train.map((index, place) => [index, place]));
  return {
    studies,
    train,
    validation,
    images,
    teacher: (indices) => {
      const places = indices.map((i) => placeOf.get(i) as number);
      const frames = [...places.map((place) => 2 * place), ...places.map((place) => 2 * place + 1)];
      return experiment.bridges.map(({ teacher, grid }) => {
        const map = maps.findIndex((pooled) => pooled.layer === teacher && pooled.grid === grid);
        return (features as Features).read(map, frames);
      });
    },
  };
}
