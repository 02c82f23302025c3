import { labelsOf } from 'gemma-3ncore/distill/data';
import type { Student } from 'gemma-3ncore/distill/student';
import { standardisationOf } from 'gemma-3ncore/distill/targets';
import { train, type TrainOptions, type TrainResult } from 'gemma-3ncore/distill/trainer';
import { trainedVariables } from 'gemma-3ncore/distill/variables';
import { tiny, tinyData, tinyPlan } from './tiny_student.js';

export const tinyTraining = tinyData(16, 9);
export const tinyStandardisation = standardisationOf(labelsOf(tinyTraining, tinyTraining.train));

/** What a run does otherwise than {@link tinyPlan} over {@link tinyTraining}. */
export type TinySettings = Partial<TrainOptions> & {
  readonly seed?: number;
  readonly change?: (student: Student) => Student;
};

/** Trains a new tiny student; gives the result and every trained value. */
export async function runTiny({
  seed = 1,
  change = (student) => student,
  ...options
}: TinySettings): Promise<{ result: TrainResult; values: Float32Array[] }> {
  const { student, bridges, dispose } = tiny(seed);
  try {
    const result = await train({
      student: change(student),
      bridges,
      data: tinyTraining,
      standardisation: tinyStandardisation,
      plan: tinyPlan,
      ...options,
    });
    const variables = trainedVariables(student, options.bridges ?? bridges);
    return { result, values: [...variables.values()].map((variable) => variable.dataSync<'float32'>().slice()) };
  } finally {
    dispose();
  }
}
