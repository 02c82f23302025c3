import type { AdamWOptions } from '../distill/adamw.js';
import type { RateSchedule } from '../distill/curriculum.js';

/** Phantom seeds from here on are the miniatures'; a run's phantoms have seeds below (experiment.schema.json). */
export const FIRST_RESERVED_SEED = 900000;

/** Everything that decides the weights of a miniature besides its configuration, as plain data. */
export interface Recipe {
  /** Of the initial weights. */
  readonly seed: number;
  /** Phantoms to train on. */
  readonly phantomSeed: number;
  /** Phantoms for the metrics only. */
  readonly heldOutSeed: number;
  /** Images of a step. */
  readonly batch: number;
  readonly steps: number;
  readonly rate: RateSchedule;
  readonly optimizer: AdamWOptions;
  /** Largest global norm of the gradient. */
  readonly max_grad_norm: number;
  /** Batches of held-out phantoms that the metrics are means over. */
  readonly heldOutBatches: number;
}
