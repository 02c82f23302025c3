import { loadavg } from 'node:os';
import { timesOf, writeBench } from '../support/bench.js';
import type { WorkName } from '../support/full_size.js';
import { measureApart } from '../support/full_size_process.js';

/** Runs of each; the first one compiles. */
const runs = 3;

const works: readonly (readonly [WorkName, string])[] = [
  ['so400m-forward', '448'],
  ['300m-forward', '256'],
  ['300m-forward', '512'],
  ['300m-forward', '768'],
  ['300m-step', '256'],
];

/** The towers at full size with random weights, batch 1, one process each; into test/bench/full_size.json. */
async function main(): Promise<void> {
  /** What else the machine did: its load before the first run. */
  const load = Number((loadavg()[0] as number).toFixed(1));
  const results = [];
  for (const [work, size] of works) {
    const measured = await measureApart(work, size, runs);
    const [weightsMB, peakMB] = [Math.round(measured.weightsMB), Math.round(measured.peakMB)];
    const result = { work, pixels: Number(size), weightsMB, peakMB, ...timesOf(measured) };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    results.push(result);
  }
  await writeBench('full_size', results, { load, runs });
  if (results.some(({ finite }) => !finite)) process.exitCode = 1;
}

void main();
