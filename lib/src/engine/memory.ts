import { freemem } from 'node:os';
import * as tf from '@tensorflow/tfjs';

/** What the process holds; sizes of the process in MB (10⁶ bytes). */
export interface MemoryUse {
  readonly tensors: number;
  /** Bytes of all tensors. */
  readonly bytes: number;
  readonly rssMB: number;
  readonly peakRssMB: number;
  /** Free on the machine. */
  readonly freeMB: number;
}

/** Counts tensors and their bytes, and asks the system for the resident memory of the process now and at its peak. */
export function memory(): MemoryUse {
  const { numTensors, numBytes } = tf.memory();
  return {
    tensors: numTensors,
    bytes: numBytes,
    rssMB: process.memoryUsage.rss() / 1e6,
    peakRssMB: (process.resourceUsage().maxRSS * 1024) / 1e6,
    freeMB: freemem() / 1e6,
  };
}
