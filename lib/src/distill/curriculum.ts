/** How a loss weight goes from its start to its end over a stage (constant: stays at its start). */
export interface Schedule {
  readonly kind: 'constant' | 'linear' | 'cosine' | 'step';
  readonly start: number;
  readonly end: number;
  /** Steps the way takes; by default the stage's. */
  readonly steps?: number;
}

/** A schedule that stays at one value. */
export function constantly(value: number): Schedule {
  return { kind: 'constant', start: value, end: value };
}

/** The share of the way from start to end at progress p in [0, 1]. */
const shares: Readonly<Record<Schedule['kind'], (p: number) => number>> = {
  constant: () => 0,
  linear: (p) => p,
  cosine: (p) => (1 - Math.cos(Math.PI * p)) / 2,
  step: (p) => (p < 0.5 ? 0 : 1),
};

/**
 * A schedule's value at a step (from 0): start + (end − start)·share(p), p = min(1, step/steps); the share is p (linear),
 * (1 − cos πp)/2 (cosine), or 0 in the first half and 1 from there on (step).
 */
export function valueAt({ kind, start, end, steps }: Schedule, step: number, stageSteps: number): number {
  const p = Math.min(1, step / Math.max(1, steps ?? stageSteps));
  return start + (end - start) * shares[kind](p);
}

/** The learning rate of a run: a linear warm-up at the start of every stage, a cosine from peak to final over all steps. */
export interface RateSchedule {
  readonly peak: number;
  readonly final: number;
  readonly warmupSteps: number;
}

/** The rate at a step of the run (from 0) that is step `stageStep` of its stage (Loshchilov and Hutter 2017, arXiv:1608.03983). */
export function rateAt(rate: RateSchedule, step: number, stageStep: number, totalSteps: number): number {
  const warmup = Math.min(1, (stageStep + 1) / Math.max(1, rate.warmupSteps));
  const progress = step / Math.max(1, totalSteps);
  return warmup * (rate.final + ((rate.peak - rate.final) * (1 + Math.cos(Math.PI * progress))) / 2);
}
