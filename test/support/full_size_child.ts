import { openEngine } from 'gemma-3ncore/engine/open';
import { measure, type WorkName } from './full_size.js';

/** `node full_size_child.js WORK ARGUMENT RUNS`: prints what a piece of work takes in a process of its own. */
async function main(): Promise<void> {
  const [work, argument = '', runs = '1'] = process.argv.slice(2);
  await openEngine();
  process.stdout.write(`${JSON.stringify(await measure(work as WorkName, argument, Number(runs)))}\n`);
}

void main();
