import { mean, sampleStandardDeviation } from 'simple-statistics';
import { bootstrap, defaultBootstrap, type BootstrapSettings, type Interval } from './bootstrap.js';
import { residuals } from './regression.js';

/** Bias and 95 % limits of agreement of predicted − label, in the labels' unit. */
export interface BlandAltman {
  readonly n: number;
  readonly bias: Interval;
  /** bias − 1.96 SD. */
  readonly lower: Interval;
  /** bias + 1.96 SD. */
  readonly upper: Interval;
}

/** The standard normal's 97.5 % point. */
const z975 = 1.959963984540054;

/**
 * Bland–Altman agreement (Bland and Altman, Lancet 1986). The intervals are bootstrapped by patient where the paper takes
 * normal ones, since a patient's views are not independent.
 */
export function blandAltman(
  labels: readonly number[],
  predicted: readonly number[],
  patients: readonly string[],
  settings: BootstrapSettings = defaultBootstrap,
): BlandAltman {
  const differences = residuals(labels, predicted);
  const limits = (rows: readonly number[]): Record<'bias' | 'lower' | 'upper', number> => {
    const drawn = rows.map((i) => differences[i] as number);
    if (drawn.length < 2) return { bias: drawn[0] ?? NaN, lower: NaN, upper: NaN };
    const centre = mean(drawn);
    const reach = z975 * sampleStandardDeviation(drawn);
    return { bias: centre, lower: centre - reach, upper: centre + reach };
  };
  return { n: labels.length, ...bootstrap(patients, limits, settings) };
}
