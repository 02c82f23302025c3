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

/** How the ejection fraction is distributed over each split: shares of its studies in bands of five points. */
export function labelsFigure(studies: readonly LabelledSplit[], notes: readonly string[] = []): Figure {
  const splits = Object.keys(colors).filter((split) => studies.some((study) => study.split === split));
  return figure({
    name: 'labels',
    title: 'Ejection fraction of the studies by split',
    data: splits.map((split) => {
      const values = studies.filter((study) => study.split === split).map(({ EF }) => EF);
      return {
        ...{ type: 'histogram', name: `${split} (${values.length})`, x: values, histnorm: 'percent' },
        ...{ xbins: { start: 0, end: 100, size: 5 }, marker: { color: colors[split] }, opacity: 0.75 },
      };
    }),
    layout: {
      ...{ barmode: 'group', bargap: 0.1 },
      xaxis: axis('EF (%)', { range: [0, 100] }),
      yaxis: axis('studies of the split (%)'),
    },
    ...{ height: 380, notes },
  });
}
