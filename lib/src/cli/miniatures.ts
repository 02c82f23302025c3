import { Command } from 'commander';
import { openEngine } from '../engine/open.js';
import { abortOnInterrupt } from '../host/abort.js';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { makeMiniatures, type MadeMiniature } from '../miniatures.js';

interface MiniaturesOptions {
  readonly out?: string;
  readonly only?: 'teacher' | 'base';
  readonly steps?: number;
  readonly json?: boolean;
}

function parseSteps(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new BadInput({ where: '--steps', expected: 'a positive whole number', got: printable(text) });
}

function parseRole(text: string): 'teacher' | 'base' {
  if (text === 'teacher' || text === 'base') return text;
  throw new BadInput({ where: '--only', expected: 'teacher or base', got: printable(text) });
}

function toText(made: readonly MadeMiniature[]): string {
  const lines = made.map(({ name, folder, metrics }) => {
    const figures = Object.entries(metrics).map(([metric, value]) => `${metric} ${value}`);
    return `${name} in ${printable(folder, 200)}: ${figures.join(', ')}`;
  });
  return [...lines, 'Phantom results; for research only; not for clinical use.'].join('\n');
}

async function make({ json, ...options }: MiniaturesOptions): Promise<void> {
  const { signal, release } = abortOnInterrupt();
  try {
    await openEngine();
    const made = await makeMiniatures({ ...options, signal });
    process.stdout.write(`${json === true ? JSON.stringify(made, null, 2) : toText(made)}\n`);
  } finally {
    release();
  }
}

/** `3ncore miniatures`: the small weights of the project's own, from fixed seeds. */
export function miniaturesCommand(): Command {
  return new Command('miniatures')
    .description('make the small teacher and base of the phantom runs from fixed seeds (about 12 minutes on two cores)')
    .option('--out <dir>', 'folder to write to; by default data-manifests/miniatures')
    .option('--only <which>', 'teacher or base; by default both', parseRole)
    .option('--steps <n>', "steps of training instead of the recipe's", parseSteps)
    .option('--json', 'print one JSON document')
    .action(make);
}
