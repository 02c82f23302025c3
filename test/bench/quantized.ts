import { timesOf, writeBench } from '../support/bench.js';
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
  const results = [];
  for (const [work, precision, allowedMB] of works) {
    const measured = await measureApart(work, '448', runs);
    const aboveIdleMB = Math.round(measured.peakMB - measured.idleMB);
    const result = { precision, aboveIdleMB, allowedMB, ...timesOf(measured) };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    results.push(result);
  }
  await writeBench('quantized', results, { runs });
  if (results.some(({ finite, aboveIdleMB, allowedMB }) => !finite || aboveIdleMB > allowedMB)) process.exitCode = 1;
}

void main();
