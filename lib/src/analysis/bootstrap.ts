import { fold, Random, rootKey } from '../tree/random.js';

/** How intervals are made; stored beside them so that they can be made again. */
export interface BootstrapSettings {
  /** Number of resamples. */
  readonly B: number;
  readonly seed: number;
  /** Share of the resamples inside an interval. */
  readonly level: number;
}

export const defaultBootstrap: BootstrapSettings = { B: 2000, seed: 0, level: 0.95 };

/** A statistic and its percentile interval; NaN where not defined. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Statistics of the rows with the given indices; a resample holds a row as often as its patient was drawn. */
export type Statistics<K extends string> = (rows: readonly number[]) => Readonly<Record<K, number>>;

/** The quantile p of ascending values by linear interpolation (numpy.quantile); NaN of nothing. */
export function quantile(ascending: ArrayLike<number>, p: number): number {
  if (ascending.length === 0) return NaN;
  const position = p * (ascending.length - 1);
  const below = Math.floor(position);
  const low = ascending[below] as number;
  const high = ascending[Math.min(below + 1, ascending.length - 1)] as number;
  return low + (high - low) * (position - below);
}

/** The central interval of resampled values; not defined where more than 1 − level of them are not. */
function percentileInterval(value: number, resampled: Float64Array, level: number): Interval {
  const defined = resampled.filter((x) => !Number.isNaN(x)).sort();
  if (Number.isNaN(value) || defined.length < level * resampled.length) return { value, low: NaN, high: NaN };
  return { value, low: quantile(defined, (1 - level) / 2), high: quantile(defined, (1 + level) / 2) };
}

/** Row indices of every patient, patients in order of their names so that the order of the rows does not matter. */
function rowsByPatient(patients: readonly string[]): number[][] {
  const rows = new Map<string, number[]>();
  patients.forEach((patient, i) => {
    const known = rows.get(patient);
    if (known === undefined) rows.set(patient, [i]);
    else known.push(i);
  });
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, indices]) => indices);
}

/** The rows of as many units as there are, drawn with replacement. */
function resample(units: readonly (readonly number[])[], random: Random): number[] {
  const rows: number[] = [];
  for (let n = 0; n < units.length; n++) {
    for (const row of units[random.integer(units.length)] as readonly number[]) rows.push(row);
  }
  return rows;
}

/**
 * Percentile bootstrap (Efron) resampled by patient: draws as many patients as there are, with replacement, each with all of
 * its rows (views, seeds). All statistics see the same resamples, so a difference among them is a paired one.
 * `patients[i]` is the patient of row i.
 */
export function bootstrap<K extends string>(
  patients: readonly string[],
  statistics: Statistics<K>,
  settings: BootstrapSettings = defaultBootstrap,
): Record<K, Interval> {
  const units = rowsByPatient(patients);
  const values = statistics(patients.map((_, i) => i));
  const names = Object.keys(values) as K[];
  const resampled = new Map(names.map((name) => [name, new Float64Array(settings.B)]));
  const random = new Random(fold(rootKey(settings.seed), 'bootstrap'));
  for (let b = 0; b < settings.B; b++) {
    const drawn = statistics(resample(units, random));
    for (const name of names) (resampled.get(name) as Float64Array)[b] = drawn[name];
  }
  const interval = (name: K): Interval =>
    percentileInterval(values[name], resampled.get(name) as Float64Array, settings.level);
  return Object.fromEntries(names.map((name) => [name, interval(name)])) as Record<K, Interval>;
}

/** Paired bootstrap of a − b for every statistic: both models are seen on the same resampled patients. */
export function pairedBootstrap<K extends string>(
  patients: readonly string[],
  a: Statistics<K>,
  b: Statistics<K>,
  settings: BootstrapSettings = defaultBootstrap,
): Record<K, Interval> {
  const difference: Statistics<K> = (rows) => {
    const [ofA, ofB] = [a(rows), b(rows)];
    const names = Object.keys(ofA) as K[];
    return Object.fromEntries(names.map((name) => [name, ofA[name] - ofB[name]])) as Record<K, number>;
  };
  return bootstrap(patients, difference, settings);
}
