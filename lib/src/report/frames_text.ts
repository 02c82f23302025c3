import type { Spacing } from '../data/simpson.js';
import type { FrameGeometry, Preparation } from '../data/study.js';
import type { TrainingFrames } from '../data/training_frames.js';
import { printable } from '../host/text.js';
import { formatSignificant } from './numbers.js';

const preparedAs: Readonly<Record<Preparation, string>> = {
  sector: 'cropped to the ultrasound sector',
  whole: 'whole pictures',
  'no sector': 'whole pictures in which no sector was found',
  'small square': 'small squares taken as they are',
};

/** Lengths of a pixel along x and y, e.g. `0.656 × 0.656 mm`. */
export function spacingText([x, y]: Spacing): string {
  return `${formatSignificant(x)} × ${formatSignificant(y)} mm`;
}

/** Frames by how they were prepared and their size, `width×height`. */
export function framesText({ preparation, width, height }: FrameGeometry): string {
  return `${preparedAs[preparation]}, ${width}×${height} pixels`;
}

/** As {@link framesText} of those of training, whose sizes may differ. */
export function trainingFramesText({ dataset, preparation, size: { width, height } }: TrainingFrames): string {
  const kinds = (Object.keys(preparation) as Preparation[]).map((how) => preparedAs[how]);
  const varied = width.least < width.most || height.least < height.most ? ' in the median' : '';
  return `${printable(dataset)}: ${kinds.join(' or ')}, ${width.median}×${height.median} pixels${varied}`;
}

/** A range where a length varies by more than what the digits show. */
function rangeText({ least, most }: { readonly least: number; readonly most: number }): string {
  const [from, to] = [formatSignificant(least), formatSignificant(most)];
  return from === to ? from : `${from} to ${to}`;
}

/** A pixel of the student's input in training, e.g. `0.31 × 0.44 mm (0.25 to 0.4 × 0.36 to 0.58)`. */
export function trainingSpacingText({ x, y }: NonNullable<TrainingFrames['spacing']>): string {
  const middle = spacingText([x.median, y.median]);
  const ranges = [...new Set([rangeText(x), rangeText(y)])];
  return ranges.some((range) => range.includes(' to ')) ? `${middle} in the median (${ranges.join(' × ')})` : middle;
}
