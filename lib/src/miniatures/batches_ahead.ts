import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Batch, BatchSource } from './batch.js';

/** Batches that are drawn while the ones before are learned from. */
const AHEAD = 6;

/** The batches of steps 0 … steps − 1, drawn ahead in another thread, which ends with the loop over them. */
export async function* batchesAhead(source: BatchSource, steps: number): AsyncGenerator<Batch> {
  const worker = new Worker(join(__dirname, 'batch_worker.js'), { workerData: source });
  const ready: Batch[] = [];
  worker.on('message', (batch: Batch) => ready.push(batch));
  try {
    let asked = 0;
    for (let step = 0; step < steps; step++) {
      while (asked < Math.min(steps, step + AHEAD)) worker.postMessage(asked++);
      if (ready.length === 0) await once(worker, 'message');
      yield ready.shift() as Batch;
    }
  } finally {
    await worker.terminate();
  }
}
