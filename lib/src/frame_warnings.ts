import type { FrameGeometry } from './data/study.js';
import { inputSpacing, volumeFactor, type InputSize, type TrainingFrames } from './data/training_frames.js';
import type { Spacing } from './data/simpson.js';
import { framesText, spacingText, trainingFramesText, trainingSpacingText } from './report/frames_text.js';

/** How a clip's frames stand to those that a student learned from. */
export interface FrameMatch {
  /** Distance of neighbouring pixels of the student's input, mm; null where the file gives none. */
  readonly inputSpacing: Spacing | null;
  /** True volume over the predicted one by the scale of the pixels; null where one of the scales is unknown. */
  readonly volumeFactor: number | null;
  /** What speaks against reading them alike, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Scales that differ by less are taken for the same: the sector found in one cine compressed in other ways was 510 to 529
 * pixels wide (LOG.md), 3.3 % of the scale and 10 % of a volume, so that less cannot be told from chance.
 */
const tolerance = 0.1;

const isNear = (ratio: number): boolean => Math.abs(Math.log(ratio)) <= Math.log(1 + tolerance);

/** What holds for volumes where the ratio of the scales is not known. */
const thirdPower = 'volumes go with the third power of the ratio (EF, itself a ratio, hardly changes)';

function scaleWarning(seen: Spacing | null, trained: TrainingFrames | undefined): string[] {
  const learned = trained?.spacing ?? null;
  const unknown = trained === undefined ? 'was not recorded' : `of ${trained.dataset} is not known`;
  if (seen === null && learned === null) {
    return [`The file gives no pixel spacing, and that of the training frames ${unknown}: ${thirdPower}.`];
  }
  if (seen === null && learned !== null) {
    const theirs = trainingSpacingText(learned);
    return [
      `The file gives no pixel spacing; a pixel of the student's input was ${theirs} in training, and ${thirdPower}.`,
    ];
  }
  const here = `A pixel of the student's input is ${spacingText(seen as Spacing)} here`;
  if (learned === null) return [`${here}; that of the training frames ${unknown}, and ${thirdPower}.`];
  const [x, y] = [learned.x.median, learned.y.median];
  const [sx, sy] = seen as Spacing;
  const factor = volumeFactor([sx, sy], [x, y]);
  if ([factor, sx / x, sy / y].every(isNear)) return [];
  const times = `true volumes are about ${Number(factor.toPrecision(2))} times the predicted ones`;
  return [`${here} and was ${trainingSpacingText(learned)} in training: ${times} (EF hardly changes).`];
}

/** Whether a student has learned from frames prepared like these. */
function isPreparedAlike({ preparation, width, height }: FrameGeometry, trained: TrainingFrames): boolean {
  const { preparation: seen, size } = trained;
  if (preparation === 'sector') return seen.sector !== undefined;
  const shape = size.width.median / size.height.median;
  // Whoever made a small square prepared it already, as the makers of the training frames did if those are squares.
  if (preparation === 'small square') return seen['small square'] !== undefined || shape === 1;
  return (seen.whole ?? seen['no sector']) !== undefined && isNear(shape / (width / height));
}

function preparationWarning(frames: FrameGeometry, trained: TrainingFrames | undefined): string[] {
  if (trained === undefined || isPreparedAlike(frames, trained)) return [];
  return [
    `The frames here are ${framesText(frames)}; the student learned from others, ${trainingFramesText(trained)}.`,
  ];
}

/** Compares a clip's prepared frames with what a regressor says of those in training (undefined: an older one, which says nothing). */
export function matchFrames(frames: FrameGeometry, trained: TrainingFrames | undefined, input: InputSize): FrameMatch {
  const seen = inputSpacing(frames, input);
  const learned = trained?.spacing ?? null;
  return {
    inputSpacing: seen,
    volumeFactor: seen === null || learned === null ? null : volumeFactor(seen, [learned.x.median, learned.y.median]),
    warnings: [...scaleWarning(seen, trained), ...preparationWarning(frames, trained)],
  };
}
