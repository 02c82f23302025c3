import { BadInput } from '../host/errors.js';

/** EDV (mL), ESV (mL) and EF (%) of a study, or their predictions. */
export type Targets = readonly [EDV: number, ESV: number, EF: number];

/** Mean and standard deviation of each target over the labelled TRAIN studies. */
export interface Standardisation {
  readonly mean: Targets;
  readonly std: Targets;
}

/**
 * The standardisation of TRAIN's targets (population standard deviation; 1 for a target that never varies).
 * @throws BadInput when there are fewer than two labelled studies.
 */
export function standardisationOf(train: readonly Targets[]): Standardisation {
  if (train.length < 2) {
    throw new BadInput({
      where: 'split TRAIN',
      expected: 'at least 2 studies with EDV, ESV and EF',
      got: String(train.length),
      fix: 'add labelled studies',
    });
  }
  const perTarget = (f: (values: number[]) => number): Targets => {
    const of = (i: 0 | 1 | 2): number => f(train.map((targets) => targets[i]));
    return [of(0), of(1), of(2)];
  };
  const average = (values: readonly number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  const deviation = (values: readonly number[]): number => {
    const mean = average(values);
    return Math.sqrt(average(values.map((v) => (v - mean) ** 2))) || 1;
  };
  return { mean: perTarget(average), std: perTarget(deviation) };
}

/** (targets − mean) / std. */
export function standardise(targets: Targets, { mean, std }: Standardisation): Targets {
  const at = (i: 0 | 1 | 2): number => (targets[i] - mean[i]) / std[i];
  return [at(0), at(1), at(2)];
}

/** Standardised values in mL, mL and % again. */
export function destandardise(values: Targets, { mean, std }: Standardisation): Targets {
  const at = (i: 0 | 1 | 2): number => values[i] * std[i] + mean[i];
  return [at(0), at(1), at(2)];
}
