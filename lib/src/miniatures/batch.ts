/** Drawn images with what is to be learned from them. */
export interface Batch {
  /** Grey `[B, H, W]`, 0 … 255. */
  readonly images: Uint8Array;
  /** One array a target, in the order and shapes that the task states. */
  readonly targets: readonly Float32Array[];
}

/** Draws the batch of a step; the same step always gives the same one. */
export type DrawBatch = (step: number) => Batch;

/** What a batch shows. */
export type Subject = 'hearts' | 'shapes';

/** Which batches are drawn. */
export interface BatchSource {
  readonly subject: Subject;
  readonly seed: number;
  /** Images of a batch. */
  readonly batch: number;
  /** Side of the square images, pixels. */
  readonly size: number;
}
