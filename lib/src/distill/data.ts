import type * as tf from '@tensorflow/tfjs';
import type { FramePair } from '../models/echo_student.js';
import type { Key } from '../tree/random.js';
import type { Targets } from './targets.js';

/** A study as training sees it. */
export interface TrainStudy {
  readonly id: string;
  /** mL, mL, %; null: unlabelled, its features alone are learned from. */
  readonly targets: Targets | null;
}

/** The student's inputs of chosen studies, made when asked for. */
export interface StudyImages {
  /**
   * The student's inputs `[B, H, W, 3]`, with a key augmented as it says, or what its frozen prefix makes of them; the caller
   * owns them.
   */
  images(indices: readonly number[], augmentation?: Key): FramePair | Promise<FramePair>;
  /** Is told which studies will be asked for next. */
  prefetch?(indices: readonly number[]): void;
}

/** What a run learns from: plain data, and functions that make tensors of chosen studies (indices into `studies`). */
export interface TrainData extends StudyImages {
  readonly studies: readonly TrainStudy[];
  readonly train: readonly number[];
  /** Labelled. */
  readonly validation: readonly number[];
  /** Per bridge the teacher's pooled map `[2B, g, g, Ct]`, ED above ES; the caller owns them. Not called without bridges. */
  teacher(indices: readonly number[]): readonly tf.Tensor4D[] | Promise<readonly tf.Tensor4D[]>;
}

/** The labels of some studies; unlabelled ones are left out. */
export function labelsOf({ studies }: Pick<TrainData, 'studies'>, indices: readonly number[]): Targets[] {
  return indices.flatMap((index) => {
    const targets = studies[index]?.targets ?? null;
    return targets === null ? [] : [targets];
  });
}
