import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { Interrupted } from '../host/errors.js';
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
    'you have read and accept the terms of these weights or this data set (repeatable)',
    collect,
  );
}

/** Asks a yes-or-no question; the end of input is a no, Ctrl-C stops the program. */
async function askInTerminal(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const interrupt = new AbortController();
  terminal.once('SIGINT', () => interrupt.abort());
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: interrupt.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (interrupt.signal.aborted) throw new Interrupted();
    if ((error as Error).name !== 'AbortError') throw error;
    return false;
  } finally {
    terminal.close();
  }
}

/** How terms are accepted from a command line: by its option, or by asking where somebody sits at a terminal. */
export function termsOptions({ acceptTerms }: TermsFlags): TermsOptions {
  const isTerminal = process.stdin.isTTY && process.stderr.isTTY;
  return { acceptTerms, ...(isTerminal ? { ask: askInTerminal } : {}) };
}
