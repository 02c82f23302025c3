import { loadavg } from 'node:os';
import { describeEngine } from 'gemma-3ncore/engine/describe';
import { writeJson } from 'gemma-3ncore/files/json';
import { projectPath } from 'gemma-3ncore/host/places';
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
  const { engine, tensorflow, device, processor, graphFunctions, fusedKernels } = await describeEngine();
  /** What else the machine did: its load before the first run. */
  const load = Number((loadavg()[0] as number).toFixed(1));
  const results = [];
  for (const [work, size] of works) {
    const { weightsMB, openMs, runMs, peakMB, finite } = await measureApart(work, size, runs);
    const result = {
      work,
      pixels: Number(size),
      weightsMB: Math.round(weightsMB),
      peakMB: Math.round(peakMB),
      openMs: Math.round(openMs),
      firstMs: Math.round(runMs[0] as number),
      ms: Math.round(Math.min(...runMs.slice(1))),
      finite,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    results.push(result);
  }
  const machine = { processor, engine, tensorflow, device };
  const path = projectPath('test', 'bench', 'full_size.json');
  await writeJson(path, {
    date: new Date().toISOString(),
    ...machine,
    graphFunctions,
    fusedKernels,
    load,
    runs,
    results,
  });
  if (results.some(({ finite }) => !finite)) process.exitCode = 1;
}

void main();
