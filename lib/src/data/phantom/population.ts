import type { Random } from '../../tree/random.js';

/** What is drawn for a phantom patient before anything of it is built. */
export interface Vitals {
  /** Ejection fraction, %. */
  readonly EF: number;
  /** End-diastolic and end-systolic volume of the left ventricle, mL. */
  readonly EDV: number;
  readonly ESV: number;
  /** Beats a minute. */
  readonly heartRate: number;
  /** Frames a second. */
  readonly fps: number;
}

/** A value drawn again until it lies within the limits. */
export function within(low: number, high: number, draw: () => number): number {
  for (;;) {
    const value = draw();
    if (value >= low && value <= high) return value;
  }
}

/** Most hearts eject normally, a fifth poorly: together 55.7 ± 12.5 % with a tail to low values. */
function drawEF(random: Random): number {
  const reduced = random.uniform() < 0.22;
  return within(10, 85, () => (reduced ? 37.5 + 13.5 * random.normal() : 61.2 + 5.6 * random.normal()));
}

/** Volumes are log-normal, and a heart that ejects poorly is dilated. */
function drawEDV(random: Random, EF: number): number {
  return within(28, 310, () => Math.exp(4.4 - 0.019 * (EF - 55.7) + 0.41 * random.normal()));
}

/**
 * Draws EF, volumes, heart rate and frame rate, distributed like EchoNet-Dynamic's labels: EF 55.7 ± 12.5 %,
 * ESV 43 ± 34 mL, EDV 91 ± 46 mL (Ouyang et al. 2020, doi 10.1038/s41586-020-2145-8).
 */
export function drawVitals(random: Random): Vitals {
  const EF = drawEF(random);
  const EDV = drawEDV(random, EF);
  const rest = 70 + 0.25 * (55.7 - EF);
  const heartRate = within(50, 115, () => rest + 12 * random.normal());
  const fps = random.uniform() < 0.75 ? 50 : within(40, 60, () => Math.round(50 + 6 * random.normal()));
  return { EF, EDV, ESV: EDV * (1 - EF / 100), heartRate, fps };
}
