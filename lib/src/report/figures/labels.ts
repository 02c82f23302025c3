import { axis, figure, type Figure } from '../figure.js';
import { palette } from '../look.js';

const binWidth = 5;
const splits = { TRAIN: palette.blue, VAL: palette.orange, TEST: palette.vermillion } as const;

/** How the EF labels (%) spread over the usable studies of each split; only counts in steps of 5 % are in the figure. */
export function labelsFigure(
  studies: readonly { readonly split: keyof typeof splits; readonly EF: number }[],
  notes: readonly string[] = [],
): Figure {
  const bins = studies.map(({ split, EF }) => ({ split, bin: Math.floor(EF / binWidth) }));
  const [first, last] = [Math.min(...bins.map(({ bin }) => bin)), Math.max(...bins.map(({ bin }) => bin))];
  const all = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const count = (split: string, bin: number): number => bins.filter((b) => b.split === split && b.bin === bin).length;
  return figure({
    name: 'labels',
    title: 'EF of the usable studies',
    data: Object.entries(splits).map(([split, color]) => ({
      ...{ type: 'bar', name: split, marker: { color }, width: binWidth },
      x: all.map((bin) => (bin + 0.5) * binWidth),
      y: all.map((bin) => count(split, bin)),
    })),
    layout: {
      barmode: 'stack',
      xaxis: axis('EF (%)', { range: [(first - 1) * binWidth, (last + 2) * binWidth], showgrid: false }),
      yaxis: axis('studies', { rangemode: 'tozero' }),
    },
    notes,
  });
}
