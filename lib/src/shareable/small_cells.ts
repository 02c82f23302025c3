import type { CohortPart, HistoryEntry } from '../schema/generated/reports.js';

/** A statistic of fewer patients than this is hidden. */
export const fewestPatients = 10;

/** A statistic and its interval, as far as it is defined. */
export interface Statistic {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

const hidden: Statistic = { value: null, low: null, high: null };

/** The statistic where enough patients stand behind it. */
export function shownIf(patients: number, { value, low, high }: Statistic): Statistic {
  return patients < fewestPatients ? hidden : { value, low, high };
}

/** The mean of what is defined, null where nothing is. */
function mean(values: readonly (number | null)[]): number | null {
  const defined = values.filter((value): value is number => value !== null);
  return defined.length === 0 ? null : defined.reduce((sum, value) => sum + value, 0) / defined.length;
}

function averaged(entries: readonly Readonly<HistoryEntry>[], enough: number): HistoryEntry {
  const last = entries.at(-1) as HistoryEntry;
  const total = (key: 'samples' | 'labelled'): number => entries.reduce((sum, entry) => sum + entry[key], 0);
  const of = (key: 'feature' | 'task' | 'total' | 'gradientNorm'): number | null => mean(entries.map((e) => e[key]));
  const labelled = total('labelled');
  const isShown = labelled === 0 || labelled >= enough;
  return {
    ...{ step: last.step, stage: last.stage, samples: total('samples'), labelled },
    ...{ feature: of('feature'), task: isShown ? of('task') : null, total: isShown ? of('total') : null },
    ...{ featureWeight: last.featureWeight, taskWeight: last.taskWeight, rate: last.rate },
    gradientNorm: of('gradientNorm'),
  };
}

/**
 * Losses by step, averaged over as many steps as make enough samples: a step of few samples tells of few patients. Where few
 * patients are trained on there are none, where few have labels none of the task.
 */
export function averagedHistory(
  history: readonly Readonly<HistoryEntry>[],
  { studies, patients, labelled_patients }: CohortPart,
): HistoryEntry[] {
  if (patients < fewestPatients) return [];
  // So that as many patients stand behind them where a patient has several views.
  const enough = fewestPatients * Math.ceil(studies / patients);
  const hidesTask = labelled_patients < fewestPatients;
  const found: HistoryEntry[] = [];
  let group: Readonly<HistoryEntry>[] = [];
  for (const entry of history) {
    group.push(entry);
    if (group.reduce((sum, { samples }) => sum + samples, 0) < enough) continue;
    const shown = averaged(group, enough);
    found.push(hidesTask ? { ...shown, task: null, total: null } : shown);
    group = [];
  }
  return found;
}
