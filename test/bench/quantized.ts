import { describeEngine } from 'gemma-3ncore/engine/describe';
import { writeJson } from 'gemma-3ncore/files/json';
import { projectPath } from 'gemma-3ncore/host/places';
import type { WorkName } from '../support/full_size.js';
import { measureApart } from '../support/full_size_process.js';

/** Runs of each; the first one compiles. */
const runs = 3;

/** Memory above the idle engine that so400m/14 at 448 px, batch 1, may take, MB. */
const works: readonly (readonly [WorkName, string, number])[] = [
  ['so400m-forward', 'fp32', 2400],
  ['so400m-int8', 'int8', 1100],
  ['so400m-nf4', 'nf4', 800],
];

/** The teacher's forward pass with weights at full precision, 8 and 4 bits, one process each; into test/bench/quantized.json. */
async function main(): Promise<void> {
  const { engine, tensorflow, device, processor, graphFunctions, fusedKernels } = await describeEngine();
  const results = [];
  for (const [work, precision, allowedMB] of works) {
    const { idleMB, openMs, runMs, peakMB, finite } = await measureApart(work, '448', runs);
    const result = {
      precision,
      aboveIdleMB: Math.round(peakMB - idleMB),
      allowedMB,
      openMs: Math.round(openMs),
      firstMs: Math.round(runMs[0] as number),
      ms: Math.round(Math.min(...runMs.slice(1))),
      finite,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    results.push(result);
  }
  const machine = { processor, engine, tensorflow, device };
  const path = projectPath('test', 'bench', 'quantized.json');
  await writeJson(path, { date: new Date().toISOString(), ...machine, graphFunctions, fusedKernels, runs, results });
  if (results.some(({ finite, aboveIdleMB, allowedMB }) => !finite || aboveIdleMB > allowedMB)) process.exitCode = 1;
}

void main();
