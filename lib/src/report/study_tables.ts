import type { Study } from '../data/study.js';
import type { ConduitBody, ReportTable } from '../schema/generated/reports.js';
import { table } from './table.js';

/** How many studies of each split are usable, left out, and used under the limit. */
export function splitsTable(counts: ConduitBody['counts'], studies: readonly Study[]): ReportTable {
  const used = (split: string): number => studies.filter((study) => study.split === split).length;
  const rows = Object.entries(counts).map(([split, count]) => ({ split, ...count, used: used(split) }));
  const columns = [
    { name: 'split', title: 'split' },
    { name: 'usable', title: 'usable' },
    { name: 'excluded', title: 'left out' },
    { name: 'used', title: 'used in this run' },
  ];
  return table('splits', 'Studies by split', rows, columns);
}

/** Every study that is left out, with the reasons. */
export function excludedTable(excluded: ConduitBody['excluded']): ReportTable {
  const rows = excluded.map((study) => ({ ...study, reasons: study.reasons.join('; ') }));
  return table('excluded', `Left out: ${rows.length} ${rows.length === 1 ? 'study' : 'studies'}, with reasons`, rows);
}

/** Every usable study with its frames (0-based) and labels. */
export function studiesTable(studies: readonly Study[]): ReportTable {
  const rows = studies.map(({ id, view, split, edFrame, esFrame, EDV, ESV, EF }) => ({
    ...{ study: id, view, split, edFrame, esFrame },
    ...{ EDV, ESV, EF },
  }));
  const columns = [
    ...['study', 'view', 'split'].map((name) => ({ name, title: name })),
    { name: 'edFrame', title: 'ED frame' },
    { name: 'esFrame', title: 'ES frame' },
    { name: 'EDV', title: 'EDV', unit: 'mL', digits: 1 },
    { name: 'ESV', title: 'ESV', unit: 'mL', digits: 1 },
    { name: 'EF', title: 'EF', unit: '%', digits: 1 },
  ];
  return table('studies', 'Usable studies', rows, columns);
}
