import type * as tf from '@tensorflow/tfjs';
import type { PlannedBridge } from './bridges.js';
import type { Features } from './data/feature_cache.js';
import { compile } from './engine/compile.js';
import { pooledTeacherGrid } from './models/projector.js';
import * as siglip from './models/siglip_vision.js';
import { patchGrid } from './models/siglip_vision_config.js';
import { openingPrecision } from './precision.js';
import type { Bridge, Experiment } from './schema/generated/experiment.js';
import { cacheStudyFeatures } from './study_features.js';
import { preprocessingOf, type Cohort } from './training_data.js';
import { disposeParams } from './tree/params.js';
import { openTeacher } from './weights.js';

/** A map of the teacher pooled to grid × grid. */
export interface PooledMap {
  readonly layer: string;
  readonly grid: number;
}

/** What the probe reads: the mean of the teacher's last tokens over the frame. */
export const probeMap: PooledMap = { layer: 'last_hidden_state', grid: 1 };

/** The frozen teacher's cached features of some studies (indices into the cohort's), read from the disk when asked for. */
export interface TeacherFeatures {
  /** Frames that there are features of, and how many had to be computed. */
  readonly frames: number;
  readonly computed: number;
  /** What a bridge matches: `[2B, g, g, Ct]` of TRAIN studies, ED above ES; the caller's. */
  matched(bridge: Bridge, studies: readonly number[]): tf.Tensor4D;
  /** Of each study the probe's map of ED and then of ES, `[2·Ct]`. */
  pooled(studies: readonly number[]): Float32Array[];
  close(): void;
}

const sameMap = (a: PooledMap, b: PooledMap): boolean => a.layer === b.layer && a.grid === b.grid;

/** The distinct maps that are asked of the teacher for TRAIN: the bridges' and the probe's. */
function trainMaps(planned: readonly PlannedBridge[]): PooledMap[] {
  const maps = [...planned.map(({ config }) => ({ layer: config.teacher, grid: config.grid })), probeMap];
  return maps.filter((map, i) => maps.findIndex((other) => sameMap(other, map)) === i);
}

/** Features of the ED and ES frames of studies. */
interface StudyFeatures {
  /** Where a study (an index into the cohort's) stands among them. */
  readonly placeOf: ReadonlyMap<number, number>;
  readonly maps: readonly PooledMap[];
  readonly features: Features;
}

/** A pass of the teacher holds about so many tokens: more of them win nothing on a processor and take memory. */
const tokensAPass = 4096;
const largestBatch = 16;

/** The teacher in memory, and what it says of some studies' frames. */
function openFrozen(experiment: Experiment) {
  const { weights, feature_dtype: dtype } = experiment.teacher;
  const precision = openingPrecision(experiment);
  const { params, config, sha256 } = openTeacher(weights, experiment.seed, precision);
  const preprocessing = preprocessingOf(experiment.teacher.preprocessing);
  const tokenGrid = patchGrid(config, [preprocessing.height, preprocessing.width]);
  const batch = Math.max(1, Math.min(largestBatch, Math.floor(tokensAPass / (tokenGrid[0] * tokenGrid[1]))));
  const run = async (
    maps: readonly PooledMap[],
    cohort: Pick<Cohort, 'decoded' | 'frames'>,
    studies: readonly number[],
    signal?: AbortSignal,
  ) => {
    const forward = compile((input: tf.Tensor4D) => {
      const features = maps.map(({ layer }) => layer);
      const found = siglip.forward(params, input, config, { features, interpolatePosEncoding: true });
      return maps.map(({ layer, grid }) => pooledTeacherGrid(found[layer] as tf.Tensor3D, tokenGrid, [grid, grid]));
    });
    try {
      const model = { title: 'Teacher features', sha256, precision, preprocessing, maps, dtype, batch, forward };
      return await cacheStudyFeatures(model, cohort, studies, signal);
    } finally {
      forward.dispose();
    }
  };
  return { run, dispose: () => disposeParams(params) };
}

function mapOf({ maps }: StudyFeatures, map: PooledMap): number {
  return maps.findIndex((other) => sameMap(other, map));
}

/** The probe's map of a study's ED and then of its ES. */
function pooledPair(part: StudyFeatures, study: number): Float32Array {
  const place = part.placeOf.get(study) as number;
  const pair = part.features.read(mapOf(part, probeMap), [2 * place, 2 * place + 1]);
  const values = pair.dataSync<'float32'>();
  pair.dispose();
  return values;
}

/**
 * The frozen teacher's features from the cache, computed where they are not in it yet: for all of TRAIN the bridges' maps and
 * the probe's, for the studies of `probed`, which are of other splits, the probe's alone. The caller closes them.
 */
export async function teacherFeatures(
  experiment: Experiment,
  planned: readonly PlannedBridge[],
  cohort: Pick<Cohort, 'decoded' | 'frames' | 'train'>,
  probed: readonly number[],
  signal?: AbortSignal,
): Promise<TeacherFeatures> {
  const { train } = cohort;
  const teacher = openFrozen(experiment);
  const parts: StudyFeatures[] = [];
  const close = (): void => parts.forEach(({ features }) => features.close());
  const addPart = async (studies: readonly number[], maps: readonly PooledMap[]): Promise<StudyFeatures> => {
    const placeOf = new Map(studies.map((study, place) => [study, place]));
    const part = { placeOf, maps, features: await teacher.run(maps, cohort, studies, signal) };
    parts.push(part);
    return part;
  };
  try {
    const trained = await addPart(train, trainMaps(planned));
    const others = await addPart(probed, [probeMap]);
    return {
      frames: 2 * (train.length + probed.length),
      computed: trained.features.computed + others.features.computed,
      matched({ teacher: layer, grid }, studies) {
        const places = studies.map((study) => trained.placeOf.get(study) as number);
        const frames = [...places.map((place) => 2 * place), ...places.map((place) => 2 * place + 1)];
        return trained.features.read(mapOf(trained, { layer, grid }), frames);
      },
      pooled: (studies) => studies.map((study) => pooledPair(trained.placeOf.has(study) ? trained : others, study)),
      close,
    };
  } catch (error) {
    close();
    throw error;
  } finally {
    teacher.dispose();
  }
}
