import type { KernelPort } from './kernel_port.js';
import { plainTslabPort } from './plain_tslab.js';

/** Where the kernel of this project leaves its port. */
export const portKey = Symbol.for('3ncore.kernel');

/** The kernel in which this code runs; undefined in a program, where everything in this folder is silent. */
export function kernelPort(): KernelPort | undefined {
  return (globalThis as { [portKey]?: KernelPort })[portKey] ?? plainTslabPort();
}
