import { parentPort, workerData } from 'node:worker_threads';
import type { BatchSource } from './batch.js';
import { drawerOf } from './subjects.js';

/** Runs in its own thread: is sent a step, answers with its batch. */
const draw = drawerOf(workerData as BatchSource);
parentPort?.on('message', (step: number) => {
  const batch = draw(step);
  const buffers = [batch.images, ...batch.targets].map(({ buffer }) => buffer as ArrayBuffer);
  parentPort?.postMessage(batch, buffers);
});
