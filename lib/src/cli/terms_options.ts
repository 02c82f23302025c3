import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { TermsOptions } from '../terms.js';

/** What a command line says about terms. */
export interface TermsFlags {
  readonly acceptTerms?: readonly string[];
}

/** The option that accepts terms where nobody can be asked. */
export function addTermsOption(command: Command): Command {
  const collect = (name: string, names: readonly string[] = []): string[] => [...names, name];
  return command.option(
    '--accept-terms <name>',
    'you have read and accept the terms of these weights (repeatable)',
    collect,
  );
}

async function askInTerminal(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

/** How terms are accepted from a command line: by its option, or by asking where somebody sits at a terminal. */
export function termsOptions({ acceptTerms }: TermsFlags): TermsOptions {
  const isTerminal = process.stdin.isTTY && process.stderr.isTTY;
  return { acceptTerms, ...(isTerminal ? { ask: askInTerminal } : {}) };
}
