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

/** Ages as readers of echocardiography results expect them, years. */
const ageBands: readonly (readonly [name: string, upTo: number])[] = [
  ['up to 45', 45],
  ['46 to 65', 65],
  ['66 to 80', 80],
  ['over 80', Infinity],
];

const bandOf = (age: number): string | undefined => ageBands.find(([, upTo]) => age <= upTo)?.[0];

/** A characteristic of patients or of views, and the values that it takes. */
interface Characteristic {
  readonly name: string;
  readonly of: (study: Study) => string | undefined;
  readonly values: readonly string[];
  readonly counts: 'patients' | 'views';
}

const characteristics: readonly Characteristic[] = [
  { name: 'sex', of: ({ sex }) => sex, values: ['F', 'M'], counts: 'patients' },
  {
    name: 'age, years',
    of: ({ age }) => (age === undefined ? undefined : bandOf(age)),
    values: ageBands.map(([name]) => name),
    counts: 'patients',
  },
  {
    name: 'image quality',
    of: ({ imageQuality }) => imageQuality,
    values: ['Good', 'Medium', 'Poor'],
    counts: 'views',
  },
];

/** Patients by sex and age and views by image quality, in each split; nothing where the data set says none of it. */
export function characteristicsTables(studies: readonly Study[]): ReportTable[] {
  const known = characteristics.filter(({ of }) => studies.some((study) => of(study) !== undefined));
  if (known.length === 0) return [];
  const rows = known.flatMap(({ name, of, values, counts }) =>
    [...values, undefined].map((value) => {
      const count = (split: Study['split']): number => {
        const found = studies.filter((study) => study.split === split && of(study) === value);
        return counts === 'views' ? found.length : new Set(found.map(({ patient }) => patient)).size;
      };
      const bySplit = { TRAIN: count('TRAIN'), VAL: count('VAL'), TEST: count('TEST') };
      return { characteristic: `${name} (${counts})`, value: value ?? 'not given', ...bySplit };
    }),
  );
  return [table('characteristics', 'Who was examined, and how well the view turned out', rows)];
}
