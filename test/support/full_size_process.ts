import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Measured, WorkName } from './full_size.js';

/** Measures a piece of work at full size in a process of its own, whose peak of memory is the work's. */
export async function measureApart(work: WorkName, argument: string, runs: number): Promise<Measured> {
  const child = join(__dirname, 'full_size_child.js');
  const { stdout } = await promisify(execFile)(process.execPath, [child, work, argument, String(runs)]);
  return JSON.parse(stdout) as Measured;
}
