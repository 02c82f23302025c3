import { axis, figure, type Figure } from '../figure.js';
import { palette } from '../look.js';

/** One study's place in the figure. */
export interface LabelledSplit {
  readonly split: string;
  /** Ejection fraction, %. */
  readonly EF: number;
}

const colors: Readonly<Record<string, string>> = {
  TRAIN: palette.blue,
  VAL: palette.orange,
  TEST: palette.green,
};

/** Width of the bands, EF points. */
const band = 5;

/** Share of values in each band, %; the figure holds no study's own value. */
function shares(values: readonly number[]): number[] {
  const counts = new Array<number>(100 / band).fill(0);
  for (const value of values) {
    const at = Math.min(counts.length - 1, Math.max(0, Math.floor(value / band)));
    counts[at] = (counts[at] as number) + 1;
  }
  return counts.map((count) => (100 * count) / values.length);
}

/** How the ejection fraction is distributed over each split: shares of its studies in bands of five points. */
export function labelsFigure(studies: readonly LabelledSplit[], notes: readonly string[] = []): Figure {
  const splits = Object.keys(colors).filter((split) => studies.some((study) => study.split === split));
  const centres = Array.from({ length: 100 / band }, (_, i) => (i + 0.5) * band);
  return figure({
    name: 'labels',
    title: 'Ejection fraction of the studies by split',
    data: splits.map((split) => {
      const values = studies.filter((study) => study.split === split).map(({ EF }) => EF);
      const name = `${split} (${values.length})`;
      return { type: 'bar', name, x: centres, y: shares(values), marker: { color: colors[split] } };
    }),
    layout: {
      ...{ barmode: 'group', bargap: 0.1 },
      xaxis: axis('EF (%)', { range: [0, 100] }),
      yaxis: axis('studies of the split (%)'),
    },
    ...{ height: 380, notes },
  });
}
