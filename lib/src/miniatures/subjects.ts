import type { BatchSource, DrawBatch } from './batch.js';
import { heartBatches } from './hearts.js';
import { shapeBatches } from './shapes.js';

/** Draws the batches of a source in this thread. */
export function drawerOf(source: BatchSource): DrawBatch {
  switch (source.subject) {
    case 'hearts':
      return heartBatches(source);
    case 'shapes':
      return shapeBatches(source);
  }
}
