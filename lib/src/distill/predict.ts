import * as tf from '@tensorflow/tfjs';
import { compile } from '../engine/compile.js';
import { yieldToEvents } from '../host/abort.js';
import { chunksOf } from './batches.js';
import type { StudyImages } from './data.js';
import type { FramePair } from '../models/echo_student.js';
import { supervisedLoss, type Objective } from './objective.js';
import type { Student } from './student.js';
import { destandardise, standardise, type Standardisation, type Targets } from './targets.js';

/** A student's forward pass to the standardised targets `[B, 3]`, one graph function; dispose it when done. */
export interface Predictor {
  /** The caller owns the result. */
  predict(frames: FramePair): Promise<tf.Tensor2D>;
  dispose(): void;
}

export function createPredictor(student: Student): Predictor {
  const forward = compile(
    (ED: tf.Tensor4D, ES: tf.Tensor4D, ...known: tf.Tensor4D[]) => student.forward({ ED, ES, known }).targets,
    { name: 'predict' },
  );
  return {
    predict: ({ ED, ES, known = [] }) => forward.async(ED, ES, ...known),
    dispose: () => forward.dispose(),
  };
}

/** Predicted EDV (mL), ESV (mL) and EF (%) of chosen studies, in micro-batches of one size. */
export async function predictTargets(
  predictor: Predictor,
  data: StudyImages,
  indices: readonly number[],
  batch: number,
  standardisation: Standardisation,
  signal?: AbortSignal,
): Promise<Targets[]> {
  const predictions: Targets[] = [];
  const chunks = chunksOf(indices, batch);
  for (const [i, chunk] of chunks.entries()) {
    await yieldToEvents(signal);
    const frames = await data.images(chunk.indices);
    data.prefetch?.(chunks[i + 1]?.indices ?? []);
    const output = await predictor.predict(frames);
    const rows = (await output.array()) as unknown as Targets[];
    tf.dispose([frames.ED, frames.ES, ...(frames.known ?? []), output]);
    for (const row of rows.slice(0, chunk.valid)) predictions.push(destandardise(row, standardisation));
  }
  return predictions;
}

/** How far predictions of labelled studies are from their labels. */
export interface PredictionErrors {
  /** Task loss as it is trained on, mean over the studies. */
  readonly task: number;
  /** Mean absolute error: mL, mL, %. */
  readonly mae: Targets;
}

/** The mean of what training minimises in predictions and labels, both standardised. */
function meanTaskLoss(predicted: readonly Targets[], labels: readonly Targets[], objective: Objective): number {
  const losses = tf.tidy(() => {
    const rows = (targets: readonly Targets[]): tf.Tensor2D => tf.tensor2d(targets.map((row) => [...row]));
    return supervisedLoss(rows(predicted), rows(labels), objective).dataSync<'float32'>();
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / labels.length;
}

/** The errors of predictions against labels, both in mL, mL and %. */
export function predictionErrors(
  predicted: readonly Targets[],
  labels: readonly Targets[],
  standardisation: Standardisation,
  objective: Objective,
): PredictionErrors {
  const standardised = (all: readonly Targets[]): Targets[] => all.map((row) => standardise(row, standardisation));
  const error = (i: 0 | 1 | 2): number =>
    labels.reduce((sum, label, study) => sum + Math.abs((predicted[study] as Targets)[i] - label[i]), 0) /
    labels.length;
  return {
    task: meanTaskLoss(standardised(predicted), standardised(labels), objective),
    mae: [error(0), error(1), error(2)],
  };
}
