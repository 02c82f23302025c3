import * as tf from '@tensorflow/tfjs';
import { trainableVariables } from '../tree/params.js';
import type { Bridge, Student } from './student.js';

/** Variables of a run by name. */
export type Variables = ReadonlyMap<string, tf.Variable>;

/** Their values by name, as they lie in memory. */
export type Values = ReadonlyMap<string, Float32Array>;

/** What a run trains: the student's variables by their path, a projector's as `projectors.<bridge>.<path>`. */
export function trainedVariables(student: Student, bridges: readonly Bridge[]): Map<string, tf.Variable> {
  const found = trainableVariables(student.params);
  for (const { name, params } of bridges) {
    for (const [path, variable] of trainableVariables(params)) found.set(`projectors.${name}.${path}`, variable);
  }
  return found;
}

/** A copy of the variables' values. */
export async function valuesOf(variables: Variables): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [name, variable] of variables) values.set(name, Float32Array.from(await variable.data<'float32'>()));
  return values;
}

/** Sets the variables that have values of their name. */
export function assignValues(variables: Variables, values: Values): void {
  for (const [name, variable] of variables) {
    const found = values.get(name);
    if (found !== undefined) tf.tidy(() => variable.assign(tf.tensor(found, variable.shape)));
  }
}
