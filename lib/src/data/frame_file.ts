import { basename } from 'node:path';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { readNifti, type Nifti } from '../files/nifti.js';
import type { Spacing } from './simpson.js';
import type { FrameFile, GreyImage } from './study.js';

/** A picture and how far apart its pixels are. */
export interface SpacedImage {
  readonly image: GreyImage;
  readonly spacing: Spacing;
}

/** The values of the picture that is meant. */
function sliceOf({ shape, values }: Nifti, frame: number | null, where: string): Nifti['values'] {
  const got = `${shape.length}-D: ${shape.join(' × ')}`;
  if (frame === null) {
    if (shape.length === 2) return values;
    throw new BadInput({ where, expected: 'a 2-D picture, x × y', got });
  }
  const frames = shape[2] ?? 0;
  if (shape.length !== 3) throw new BadInput({ where, expected: 'a 3-D sequence, x × y × t', got });
  if (frame >= frames) throw new BadInput({ where, expected: `frame ${frame} (0-based)`, got: `${frames} frames` });
  const size = values.length / frames;
  return values.subarray(frame * size, (frame + 1) * size);
}

/** Pixels of an echocardiogram are some tenths of a millimetre apart; what lies far outside is a damaged header. */
const [leastSpacing, mostSpacing] = [0.01, 10];

function checkScale({ spacing }: Nifti, where: string): void {
  if (spacing.every((mm) => mm >= leastSpacing && mm <= mostSpacing)) return;
  const expected = `a spacing of pixels (pixdim) from ${leastSpacing} to ${mostSpacing} mm`;
  throw new BadInput({ where, expected, got: spacing.join(' × ') });
}

/** Whether a picture was scaled to 0 … 1, of which rounding would leave black and white. */
function areFractions(values: Float32Array): boolean {
  return values.every((value) => value <= 1) && values.some((value) => !Number.isInteger(value));
}

/** What the values of a picture mean: grey levels, which are rounded, or labels, which are whole numbers. */
export type FrameValues = 'grey' | 'labels';

/** Reads an 8-bit picture of a NIfTI file; another form or scale and values outside 0 … 255 are {@link BadInput}. */
export function readFrameFile({ path, frame }: FrameFile, meaning: FrameValues = 'grey'): SpacedImage {
  const where = printable(basename(path));
  const nifti = readNifti(path);
  checkScale(nifti, where);
  const values = sliceOf(nifti, frame, where);
  const [width, height] = nifti.shape as readonly [number, number];
  if (values instanceof Uint8Array) return { image: { width, height, data: values }, spacing: nifti.spacing };
  const odd = values.find((value) => !(value >= 0 && value <= 255));
  if (odd !== undefined) throw new BadInput({ where, expected: 'values from 0 to 255', got: String(odd) });
  if (meaning === 'grey' && areFractions(values)) {
    throw new BadInput({ where, expected: 'grey levels from 0 to 255', got: 'fractions from 0 to 1' });
  }
  const broken = meaning === 'labels' ? values.find((value) => !Number.isInteger(value)) : undefined;
  if (broken !== undefined) throw new BadInput({ where, expected: 'labels, whole numbers', got: String(broken) });
  return { image: { width, height, data: Uint8Array.from(values, Math.round) }, spacing: nifti.spacing };
}
