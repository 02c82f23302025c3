import type { PredictionErrors } from './predict.js';

/** One optimizer step. */
export interface StepRecord {
  /** From 0. */
  readonly step: number;
  readonly stage: string;
  /** Studies of the group, and how many of them are labelled. */
  readonly samples: number;
  readonly labelled: number;
  /** Mean losses of the group before weighting; null where no study has one. */
  readonly feature: number | null;
  readonly task: number | null;
  /** The weighted sum that was minimised. */
  readonly total: number;
  readonly featureWeight: number;
  readonly taskWeight: number;
  readonly rate: number;
  /** Global norm before clipping. */
  readonly gradientNorm: number;
}

/** Errors on VAL after `step` optimizer steps. */
export interface ValidationRecord extends PredictionErrors {
  readonly step: number;
}

/** What a run tells while it trains. */
export type TrainEvent =
  | { readonly kind: 'resumed'; readonly step: number; readonly folder: string }
  | { readonly kind: 'step'; readonly record: StepRecord; readonly totalSteps: number }
  | { readonly kind: 'validation'; readonly record: ValidationRecord }
  | { readonly kind: 'checkpoint'; readonly step: number; readonly folder: string };
