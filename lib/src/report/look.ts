import type { ModelName } from '../analysis/predictions.js';

/** DejaVu Sans and Verdana have the same widths, so that text fits on every system. */
export const font = '"DejaVu Sans", Verdana, sans-serif';

export const ink = { text: '#222222', quiet: '#666666', axis: '#555555', grid: '#e8e8e8', line: '#999999' } as const;

/** The palette of Okabe and Ito, which people with any colour vision tell apart. */
export const palette = {
  blue: '#0072B2',
  vermillion: '#D55E00',
  green: '#009E73',
  purple: '#CC79A7',
  sky: '#56B4E9',
  orange: '#E69F00',
} as const;

/** A model has one name, colour and symbol in all figures. */
export const modelLook: Readonly<Record<ModelName, { label: string; color: string; symbol: string; dash: string }>> = {
  distilled: { label: 'distilled student', color: palette.blue, symbol: 'circle', dash: 'solid' },
  baseline: { label: 'student without distillation', color: palette.vermillion, symbol: 'diamond', dash: 'dash' },
  teacher_probe: { label: 'linear probe on the teacher', color: palette.green, symbol: 'square', dash: 'dashdot' },
  mean: { label: 'mean of the training labels', color: '#777777', symbol: 'x', dash: 'dot' },
};
