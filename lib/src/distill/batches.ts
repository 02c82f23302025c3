import * as tf from '@tensorflow/tfjs';
import type { TrainData } from './data.js';
import type { Key } from '../tree/random.js';
import { standardise, type Standardisation } from './targets.js';
import type { MicroBatch } from './micro_batch.js';

/** The studies of a micro-batch; those from `valid` on are padding and repeat the first. */
export interface Chunk {
  readonly indices: readonly number[];
  readonly valid: number;
}

/** A group in chunks of one size, the last padded. */
export function chunksOf(group: readonly number[], size: number): Chunk[] {
  const chunks: Chunk[] = [];
  for (let begin = 0; begin < group.length; begin += size) {
    const part = group.slice(begin, begin + size);
    const padding = new Array<number>(size - part.length).fill(part[0] as number);
    chunks.push({ indices: [...part, ...padding], valid: part.length });
  }
  return chunks;
}

/** What one study counts in its group: the weight of a loss over the number of studies that have it. */
export interface Shares {
  readonly task: number;
  readonly feature: number;
}

/** The tensors of a chunk; the caller owns them. */
export async function microBatch(
  data: TrainData,
  standardisation: Standardisation,
  chunk: Chunk,
  shares: Shares,
  seed: readonly [number, number],
  withTeacher: boolean,
  augmentation?: Key,
): Promise<MicroBatch> {
  const { indices, valid } = chunk;
  const { ED, ES, known = [] } = await data.images(indices, augmentation);
  let teacher: readonly tf.Tensor4D[] = [];
  try {
    if (withTeacher) teacher = await data.teacher(indices);
  } catch (error) {
    tf.dispose([ED, ES, ...known]);
    throw error;
  }
  const labels = indices.map((index) => data.studies[index]?.targets ?? null);
  return {
    ED,
    ES,
    known,
    targets: tf.tensor2d(
      labels.map((targets) => (targets === null ? [0, 0, 0] : [...standardise(targets, standardisation)])),
    ),
    taskWeights: tf.tensor1d(labels.map((targets, i) => (targets !== null && i < valid ? shares.task : 0))),
    featureWeights: tf.tensor1d(indices.map((_, i) => (i < valid ? shares.feature : 0))),
    seed: tf.tensor1d([...seed], 'int32'),
    teacher,
  };
}
