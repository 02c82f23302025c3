/** How a loss weight goes from its start to its end over a stage (constant: stays at its start). */
export interface Schedule {
  readonly kind: 'constant' | 'linear' | 'cosine' | 'step' | 'plateau';
  readonly start: number;
  readonly end: number;
  /** Of a plateau: validations in a row without a new lowest loss before the way to the end shrinks; by default 3. */
  readonly patience?: number;
  /** Of a plateau: what is left of the way then; by default 0.5. */
  readonly factor?: number;
  /** Steps the way takes; by default the stage's. */
  readonly steps?: number;
}

/** A schedule that stays at one value. */
export function constantly(value: number): Schedule {
  return { kind: 'constant', start: value, end: value };
}

/** The share of the way from start to end at progress p in [0, 1]. */
const shares: Readonly<Record<Exclude<Schedule['kind'], 'plateau'>, (p: number) => number>> = {
  constant: () => 0,
  linear: (p) => p,
  cosine: (p) => (1 - Math.cos(Math.PI * p)) / 2,
  step: (p) => (p < 0.5 ? 0 : 1),
};

/**
 * How often `patience` validations in a row brought no new lowest loss (torch.optim.lr_scheduler.ReduceLROnPlateau, without
 * threshold and cooldown). It follows from the losses alone, which a checkpoint holds.
 */
export function stallsIn(losses: readonly number[], patience: number): number {
  let [lowest, since, stalls] = [Infinity, 0, 0];
  for (const loss of losses) {
    since = loss < lowest ? 0 : since + 1;
    lowest = Math.min(lowest, loss);
    if (since < patience) continue;
    stalls += 1;
    since = 0;
  }
  return stalls;
}

/** Validations after the one with the lowest loss; 0 where there are none. */
export function validationsSinceBest(losses: readonly number[]): number {
  return losses.length === 0 ? 0 : losses.length - 1 - losses.indexOf(Math.min(...losses));
}

/**
 * A schedule's value at a step (from 0): start + (end − start)·share(p), p = min(1, step/steps); the share is p (linear),
 * (1 − cos πp)/2 (cosine), or 0 in the first half and 1 from there on (step). A plateau's is end + (start − end)·factor^n
 * after n stalls of the stage's losses on VAL so far.
 */
export function valueAt(schedule: Schedule, step: number, stageSteps: number, losses: readonly number[] = []): number {
  const { kind, start, end, steps, patience = 3, factor = 0.5 } = schedule;
  if (kind === 'plateau') return end + (start - end) * factor ** stallsIn(losses, patience);
  const p = Math.min(1, step / Math.max(1, steps ?? stageSteps));
  return start + (end - start) * shares[kind](p);
}

/** The learning rate of a run: a linear warm-up at the start of every stage, a cosine from peak to final over all steps. */
export interface RateSchedule {
  readonly peak: number;
  readonly final: number;
  readonly warmupSteps: number;
  /** Halves the rate after so many validations in a row without a new lowest loss of the stage; absent or null: never. */
  readonly plateauPatience?: number | null;
}

/**
 * The rate at a step of the run (from 0) that is step `stageStep` of its stage (Loshchilov and Hutter 2017,
 * arXiv:1608.03983), halved with every stall of the stage's losses on VAL so far.
 */
export function rateAt(
  rate: RateSchedule,
  step: number,
  stageStep: number,
  totalSteps: number,
  losses: readonly number[] = [],
): number {
  const { plateauPatience: patience = null } = rate;
  const halvings = patience === null ? 0 : stallsIn(losses, patience);
  const warmup = Math.min(1, (stageStep + 1) / Math.max(1, rate.warmupSteps));
  const progress = step / Math.max(1, totalSteps);
  const cosine = rate.final + ((rate.peak - rate.final) * (1 + Math.cos(Math.PI * progress))) / 2;
  return warmup * cosine * 0.5 ** halvings;
}
