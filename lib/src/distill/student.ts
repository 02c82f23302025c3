import type * as tf from '@tensorflow/tfjs';
import type { EchoStudentOutput, FramePair } from '../models/echo_student.js';
import type { DropoutKey } from '../nn/dropout.js';
import type { Params } from '../tree/spec.js';

/** The model that is trained: parameters, some of them variables, and its forward pass over them. */
export interface Student {
  readonly params: Params;
  /** Differentiable; gives at least the features that the bridges name. The key turns dropout on. The caller owns the result. */
  forward(frames: FramePair, dropoutKey?: DropoutKey): EchoStudentOutput;
}

/** One pair of teacher layer and student stage. */
export interface Bridge {
  /** Names it in reports and files, e.g. `layer_12__stage_3`; no dots. */
  readonly name: string;
  /** Which of the student's features. */
  readonly feature: string;
  /** Both maps are pooled to grid × grid. */
  readonly grid: number;
  /** The projector's parameters, trainable. */
  readonly params: Params;
  /** From the student's pooled map `[N, g, g, Cs]` to the teacher's width `[N, g, g, Ct]`. */
  project(pooled: tf.Tensor4D): tf.Tensor4D;
}
