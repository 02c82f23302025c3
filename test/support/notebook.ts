import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Output } from '../kernel/jupyter.js';

/** An executed notebook of a run folder. */
export interface ExecutedNotebook {
  readonly outputs: readonly Output[];
  /** Model names of the saved widgets. */
  readonly widgets: readonly string[];
  readonly html: string;
}

type Saved = Readonly<Record<string, { readonly state: Readonly<Record<string, { readonly model_name: string }>> }>>;

interface Stored {
  readonly cells: readonly { readonly outputs?: readonly Output[] }[];
  readonly metadata: { readonly widgets?: Saved };
}

export function executedNotebook(folder: string, name: string): ExecutedNotebook {
  const { cells, metadata } = JSON.parse(readFileSync(join(folder, `${name}.ipynb`), 'utf8')) as Stored;
  const state = metadata.widgets?.['application/vnd.jupyter.widget-state+json']?.state ?? {};
  return {
    outputs: cells.flatMap(({ outputs = [] }) => outputs),
    widgets: Object.values(state).map(({ model_name }) => model_name),
    html: readFileSync(join(folder, `${name}.html`), 'utf8'),
  };
}

/** The text of one representation of an output. */
export function dataOf({ data }: Output, type: string): string | undefined {
  const value = data?.[type];
  if (value === undefined) return undefined;
  return Array.isArray(value) || typeof value === 'string' ? [value].flat().join('') : JSON.stringify(value);
}
