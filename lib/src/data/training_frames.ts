import { median } from 'simple-statistics';
import type { Frozen } from '../schema/frozen.js';
import type * as generated from '../schema/generated/training_frames.js';
import type { Spacing } from './simpson.js';
import type { FrameGeometry } from './study.js';

/** What is known of the frames that a student learned volumes from. */
export type TrainingFrames = Frozen<generated.TrainingFrames>;
type Spread = Frozen<generated.Spread>;

/** Size of a tower's input, pixels. */
export interface InputSize {
  readonly height: number;
  readonly width: number;
}

/**
 * Distance of neighbouring pixels of the student's input along x and y, mm: the resize stretches a picture that is no square,
 * and with it the scale, differently along each. Null where the frames have no spacing.
 */
export function inputSpacing({ width, height, spacing }: FrameGeometry, input: InputSize): Spacing | null {
  return spacing === null ? null : [(spacing[0] * width) / input.width, (spacing[1] * height) / input.height];
}

/**
 * True volume over that read by a student who takes pixels of the scale `seen` for those of the scale `learned`. The long axis
 * of an apical view lies along y and a disc's two diameters like x, so that the volume goes with x² · y.
 */
export function volumeFactor(seen: Spacing, learned: Spacing): number {
  return (seen[0] / learned[0]) ** 2 * (seen[1] / learned[1]);
}

function spreadOf(values: readonly number[]): Spread {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return { least, median: median([...values]), most };
}

/** What is known of frames, for whoever compares others with them. */
export function trainingFrames(dataset: string, frames: readonly FrameGeometry[], input: InputSize): TrainingFrames {
  const preparation: generated.TrainingFrames['preparation'] = {};
  for (const { preparation: how } of frames) preparation[how] = (preparation[how] ?? 0) + 1;
  const known = frames.flatMap((frame) => {
    const spacing = inputSpacing(frame, input);
    return spacing === null ? [] : [spacing];
  });
  return {
    ...{ dataset, studies: frames.length, preparation },
    size: { height: spreadOf(frames.map(({ height }) => height)), width: spreadOf(frames.map(({ width }) => width)) },
    spacing:
      known.length === 0
        ? null
        : { studies: known.length, x: spreadOf(known.map(([x]) => x)), y: spreadOf(known.map(([, y]) => y)) },
  };
}
