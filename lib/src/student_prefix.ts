import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import { loraTargets, trainedInFull } from './adapters/lora_targets.js';
import { cacheCap } from './data/feature_cache_maps.js';
import { changesFrames } from './data/augment.js';
import { compile } from './engine/compile.js';
import { cachePath } from './host/places.js';
import { mobilenetV5Flops } from './models/cost.js';
import type { FramePair } from './models/echo_student.js';
import { mobilenetV5FeatureShapes } from './models/feature_shapes.js';
import * as mobilenet from './models/mobilenet_v5.js';
import { frozenPrefix, type FrozenPrefix } from './models/mobilenet_v5_prefix.js';
import { openingPrecision, studentPrecision } from './precision.js';
import type { Experiment } from './schema/generated/experiment.js';
import { adapterConfig } from './student_model.js';
import { cacheStudyFeatures, type FrozenModel } from './study_features.js';
import { preprocessingOf, type Cohort } from './training_data.js';
import { disposeParams } from './tree/params.js';
import { sizeOf } from './tree/spec.js';
import { openStudentBase, studentBaseConfig } from './weights.js';

/** The frozen blocks of a student below its first adapted one, whose outputs may be kept in the cache. */
export interface StudentPrefix extends FrozenPrefix {
  /** Its maps of one frame, in float32. */
  readonly bytes: number;
  /** Share of the encoder's forward operations that are in it. */
  readonly share: number;
}

/** Why there is nothing to keep, or what. */
export type PrefixChoice =
  | { readonly prefix: StudentPrefix; readonly reason: undefined }
  | { readonly prefix: undefined; readonly reason: string };

const not = (reason: string): PrefixChoice => ({ prefix: undefined, reason });

/** The frozen prefix of an experiment's student; no weights are read. */
export function studentPrefix(experiment: Experiment): StudentPrefix | undefined {
  const { student, bridges } = experiment;
  const adapter = adapterConfig(experiment);
  if (adapter === null) return undefined;
  const config = studentBaseConfig(student.weights);
  const spec = mobilenet.spec(config);
  const trained = [...loraTargets(spec, adapter).map(({ path }) => path), ...trainedInFull(spec, adapter).keys()];
  const features = bridges.map((bridge) => bridge.student);
  const prefix = frozenPrefix(config, trained, features);
  if (prefix === undefined) return undefined;
  const { height, width } = student.preprocessing;
  const shapes = mobilenetV5FeatureShapes(config, [height, width]);
  const valuesOf = (name: string): number => sizeOf(shapes.get(name) ?? []);
  return {
    ...prefix,
    bytes: 4 * [prefix.after, ...prefix.known].reduce((sum, name) => sum + valuesOf(name), 0),
    share: mobilenetV5Flops(config, [height, width], prefix.after) / mobilenetV5Flops(config, [height, width]),
  };
}

/** Bytes free where the cache is or will be. */
function freeBytes(): number {
  let folder = cachePath('features');
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

/** The cache may take this share of the free disk. */
const shareOfDisk = 0.5;

/**
 * Whether the outputs of a student's frozen blocks are computed once for each of so many frames and trained from: where there
 * are such blocks, nothing changes the frames, and the maps fit into the cache's cap and half of the free disk.
 */
export function choosePrefix(experiment: Experiment, frames: number): PrefixChoice {
  const { cache_prefix: wanted = true, augmentation } = experiment.training;
  const prefix = studentPrefix(experiment);
  if (experiment.adapter === null) return not('every block is trained');
  if (prefix === undefined) return not('the first block is adapted already (adapter.target_modules)');
  if (!wanted) return not('training.cache_prefix is off');
  if (changesFrames(augmentation)) return not('augmentation changes the frames in every step');
  if (openingPrecision(experiment) === 'llm_int8') return not('llm_int8 rounds a frame by what else is in its batch');
  const needed = frames * prefix.bytes;
  const limit = Math.min(cacheCap() ?? Infinity, shareOfDisk * freeBytes());
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  if (needed > limit) return not(`it would take ${megabytes(needed)}, the cache may take ${megabytes(limit)}`);
  return { prefix, reason: undefined };
}

/** What a student's frozen prefix makes of the frames of some studies (indices into the cohort's), read when asked for. */
export interface PrefixMaps {
  readonly prefix: FrozenPrefix;
  /** Frames that there are maps of, and how many had to be computed. */
  readonly frames: number;
  readonly computed: number;
  /** The student's inputs; the caller's. */
  pairs(studies: readonly number[]): FramePair;
  close(): void;
}

/** A pass holds about so many pixels, whatever the batch of training: cached maps do not depend on it. */
const pixelsAPass = 2 ** 20;
const largestBatch = 16;

/** Computes what the cache lacks of a prefix's maps of some studies; the caller closes the result. */
export async function prefixMaps(
  experiment: Experiment,
  prefix: FrozenPrefix,
  cohort: Pick<Cohort, 'decoded' | 'frames'>,
  studies: readonly number[],
  signal?: AbortSignal,
): Promise<PrefixMaps> {
  const precision = studentPrecision(experiment);
  const { params, config, sha256 } = openStudentBase(experiment.student.weights, experiment.seed, precision);
  const preprocessing = preprocessingOf(experiment.student.preprocessing);
  const names = [prefix.after, ...prefix.known];
  const forward = compile((images: tf.Tensor4D) => {
    const found = mobilenet.forward(params, images, config, { features: names });
    return names.map((name) => found[name] as tf.Tensor4D);
  });
  const pixels = preprocessing.height * preprocessing.width;
  try {
    const model: FrozenModel = {
      title: 'Frozen student blocks',
      ...{ sha256, precision, preprocessing, forward },
      maps: names.map((layer) => ({ layer, grid: null })),
      dtype: 'float32',
      batch: Math.max(1, Math.min(largestBatch, Math.floor(pixelsAPass / pixels))),
    };
    const maps = await cacheStudyFeatures(model, cohort, studies, signal);
    const placeOf = new Map(studies.map((study, place) => [study, place]));
    return {
      prefix,
      frames: 2 * studies.length,
      computed: maps.computed,
      pairs(wanted) {
        const ED = wanted.map((study) => 2 * (placeOf.get(study) as number));
        const ES = ED.map((place) => place + 1);
        const known = prefix.known.map((_, i) => maps.read(i + 1, [...ED, ...ES]));
        return { ED: maps.read(0, ED), ES: maps.read(0, ES), known };
      },
      close: () => maps.close(),
    };
  } finally {
    forward.dispose();
    disposeParams(params);
  }
}
