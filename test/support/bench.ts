import { describeEngine } from 'gemma-3ncore/engine/describe';
import { writeJson } from 'gemma-3ncore/files/json';
import { projectPath } from 'gemma-3ncore/host/places';
import type { Measured } from './full_size.js';

/** Times of a measured piece of work for its row: the first run compiles, `ms` is the least of the others. */
export function timesOf({ openMs, runMs, finite }: Measured) {
  return {
    openMs: Math.round(openMs),
    firstMs: Math.round(runMs[0] as number),
    ms: Math.round(Math.min(...runMs.slice(1))),
    finite,
  };
}

/** Writes test/bench/<name>.json: when and on what it was measured, then the results. */
export async function writeBench(name: string, results: readonly object[], conditions: object): Promise<void> {
  const { engine, tensorflow, device, processor, graphFunctions, fusedKernels } = await describeEngine();
  await writeJson(projectPath('test', 'bench', `${name}.json`), {
    date: new Date().toISOString(),
    ...{ processor, engine, tensorflow, device, graphFunctions, fusedKernels },
    ...conditions,
    results,
  });
}
