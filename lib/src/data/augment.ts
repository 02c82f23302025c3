import type { GreyImage } from '../files/image.js';
import { fold, Random, type Key } from '../tree/random.js';

/** How much the student's training frames are changed; all 0 is not at all. */
export interface Augmentation {
  /** Largest shift of the grey levels, as a share of 255: gain acts before the logarithm of a B-mode image. */
  readonly gain: number;
  /** Standard deviation of the multiplicative noise of single pixels. */
  readonly speckle: number;
  /** Share of the brightness that an acoustic shadow takes, in every other study. */
  readonly shadow: number;
}

/** End-diastolic and end-systolic frame of a study. */
interface Pair {
  readonly ED: GreyImage;
  readonly ES: GreyImage;
}

/** A wedge below the middle of the upper edge, where the probe is, by its angles from the vertical in radians. */
interface Wedge {
  readonly centre: number;
  readonly halfWidth: number;
}

const degree = Math.PI / 180;

function drawWedge(random: Random): Wedge | undefined {
  const [present, place, width] = [random.uniform(), random.uniform(), random.uniform()];
  if (present < 0.5) return undefined;
  return { centre: (2 * place - 1) * 40 * degree, halfWidth: (2 + 6 * width) * degree };
}

/** A frame with noise, a shift of all that is not black, and a shadow. */
function augmentFrame(
  { height, width, data }: GreyImage,
  shift: number,
  wedge: Wedge | undefined,
  { speckle, shadow }: Augmentation,
  key: Key,
): GreyImage {
  const random = new Random(key);
  const changed = data.map((grey, i) => {
    const noise = speckle === 0 ? 0 : speckle * random.normal();
    if (grey === 0) return 0;
    const angle = Math.atan2((i % width) + 0.5 - width / 2, Math.floor(i / width) + 0.5);
    const isShadowed = wedge !== undefined && Math.abs(angle - wedge.centre) < wedge.halfWidth;
    const value = (grey * (1 + noise) + shift) * (isShadowed ? 1 - shadow : 1);
    return Math.round(Math.min(255, Math.max(0, value)));
  });
  return { height, width, data: changed };
}

/**
 * A study's frames under another gain, with multiplicative speckle (Goodman 1976, JOSA 66:1145–1150) and, in every other
 * study, the shadow of a rib; gain and shadow are one for both frames, the same key gives the same frames. Black, which is
 * outside the sector, stays black.
 */
export function augmentPair({ ED, ES }: Pair, augmentation: Augmentation, key: Key): Pair {
  const random = new Random(fold(key, 'study'));
  const shift = 255 * augmentation.gain * (2 * random.uniform() - 1);
  const wedge = augmentation.shadow === 0 ? undefined : drawWedge(random);
  const of = (frame: GreyImage, name: string): GreyImage =>
    augmentFrame(frame, shift, wedge, augmentation, fold(key, name));
  return { ED: of(ED, 'ED'), ES: of(ES, 'ES') };
}

/** Whether an augmentation changes anything. */
export function changesFrames({ gain, speckle, shadow }: Augmentation): boolean {
  return gain > 0 || speckle > 0 || shadow > 0;
}
