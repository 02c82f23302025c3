import { sampleCorrelation } from 'simple-statistics';
import { BadInput } from '../host/errors.js';
import type { GreyImage } from '../files/image.js';
import {
  accountedFor,
  cavityCurve,
  course,
  mostAlong,
  principalComponents,
  weightedSum,
  type CavityCurve,
} from './cavity_curve.js';
import { CELLS, motionGrid, type MotionGrid } from './motion_grid.js';

/** The end-diastolic and the end-systolic frame found in a clip. */
export interface Cycle {
  /** 0-based; ES follows ED in the same beat. */
  readonly edFrame: number;
  readonly esFrame: number;
  /** 0 … 1; the product of what speaks for the pair. */
  readonly confidence: number;
  /** Whether the confidence reaches {@link SURE}. */
  readonly sure: boolean;
  /** What speaks against the pair, one clause each. */
  readonly doubts: readonly string[];
  /** How large the cavity looks in each frame, 0 smallest … 1 largest of the clip; no volume. */
  readonly curve: readonly number[];
}

/** Least confidence of a pair that can be used without a person looking at it. */
export const SURE = 0.5;

/** Seconds from ED to ES: ejection and the contraction before it at any heart rate (Weissler et al. 1968, doi 10.1161/01.CIR.37.2.149), with room. */
const SYSTOLE = { least: 0.15, most: 0.55 } as const;

/** Seconds of a clip below which no systole can be told from the rest of a beat. */
const LEAST_SECONDS = 0.4;

/** Frames a second below which a systole is two or three frames. */
const LEAST_RATE = 10;

/** Seconds of a clip that ED must follow and ES must precede to be known as turns of the curve. */
const MARGIN = 0.04;

/** Standard deviation of the smoothing over time, seconds. */
const SMOOTHING = 0.02;

/** Share of a beat's change within which the cavity counts as equally small. */
const STILL = 0.01;

/** Change of the square-rooted grey levels, root mean square, below which nothing moves but rounding. */
const STILLNESS = 1e-6;

/** Share of the height of the sector's box above which there are no leaflets. */
const APICAL = 0.4;

/** Trust below which a ground is named as a doubt. */
const DOUBTFUL = 0.8;

interface Pair {
  readonly ed: number;
  readonly es: number;
}

/** 0 at `none` and below, 1 at `all` and above. */
function ramp(value: number, none: number, all: number): number {
  return Math.min(1, Math.max(0, (value - none) / (all - none)));
}

function isInside({ ed, es }: Pair, frames: number, fps: number): boolean {
  const margin = Math.max(1, Math.round(MARGIN * fps));
  return ed >= margin && es < frames - margin;
}

/** Whether the curve turns at t from rising to falling (sign 1) or from falling to rising (−1); its ends count as turns. */
function turns(size: ArrayLike<number>, t: number, sign: 1 | -1): boolean {
  const level = (at: number): number => sign * (size[Math.min(size.length - 1, Math.max(0, at))] as number);
  return level(t - 1) <= level(t) && level(t) >= level(t + 1);
}

/** The deepest fall that lasts as long as a systole; one that the clip's ends may cut counts less. */
function deepestFall(size: ArrayLike<number>, fps: number): Pair | undefined {
  let [best, deepest]: [Pair | undefined, number] = [undefined, 0];
  for (let ed = 0; ed < size.length; ed++) {
    if (!turns(size, ed, 1)) continue;
    const last = Math.min(size.length - 1, Math.floor(ed + SYSTOLE.most * fps));
    for (let es = Math.ceil(ed + SYSTOLE.least * fps); es <= last; es++) {
      if (!turns(size, es, -1)) continue;
      const fall = (size[ed] as number) - (size[es] as number);
      const depth = isInside({ ed, es }, size.length, fps) ? fall : 0.8 * fall;
      if (depth > deepest) [best, deepest] = [{ ed, es }, depth];
    }
  }
  return best;
}

/** A ground for trusting a pair, 0 … 1, and what is said where it lacks. */
interface Ground {
  readonly trust: number;
  readonly doubt: string;
}

/** Correlation of the same motion in two halves of the picture, blocks of 4×4 cells like a chessboard: low for noise. */
function agreement(grid: MotionGrid, size: Float64Array): number {
  const block = (i: number): number => (Math.floor(i / CELLS / 4) + Math.floor((i % CELLS) / 4)) % 2;
  const [even, odd] = [0, 1].map((half) => {
    const frames = grid.frames.map((frame) => frame.filter((_, i) => block(i) === half));
    return mostAlong(principalComponents(frames), size).component;
  });
  return Math.abs(sampleCorrelation(even as number[], odd as number[]));
}

/**
 * Multiple correlation of the curve with the motions of the apical part alone: emptying draws all walls in, but the valves'
 * leaflets, which are what is seen of a heart that hardly moves, do not reach there.
 */
function apicalShare({ frames }: MotionGrid, size: Float64Array): number {
  const apical = frames.map((frame) => frame.subarray(0, Math.round(APICAL * CELLS) * CELLS));
  return accountedFor(principalComponents(apical), size);
}

/** Ejection ends where the cavity is first as small as it gets; isovolumic relaxation keeps it so for some frames. */
function endOfEjection(size: ArrayLike<number>, { ed, es }: Pair): number {
  const limit = (size[es] as number) + STILL * ((size[ed] as number) - (size[es] as number));
  for (let t = ed; t < es; t++) if ((size[t] as number) <= limit) return t;
  return es;
}

function notFound(clip: string, got: string, expected = 'a clip in which a heart beats'): BadInput {
  return new BadInput({ where: clip, expected, got, fix: 'give the ED and ES frame numbers' });
}

function checked(frames: readonly GreyImage[], fps: number, clip: string): void {
  if (!(fps >= LEAST_RATE && Number.isFinite(fps))) {
    throw notFound(clip, `${fps}`, `at least ${LEAST_RATE} frames a second to find ED and ES`);
  }
  if (frames.length / fps < LEAST_SECONDS) {
    throw notFound(
      clip,
      `${frames.length} frames at ${fps} a second`,
      `at least ${LEAST_SECONDS} s to find ED and ES in`,
    );
  }
  const size = ({ height, width }: GreyImage): string => `${height}×${width}`;
  const first = size(frames[0] as GreyImage);
  const other = frames.map(size).find((found) => found !== first);
  if (other !== undefined) throw notFound(clip, other, `frames of one size, ${first}`);
}

/** Correlation of the motion in a frame with that in the next, before smoothing: near 0 for frames out of order. */
function steadiness({ frames, unsmoothed }: MotionGrid, size: Float64Array): number {
  const raw = course(unsmoothed, weightedSum(frames, size));
  return sampleCorrelation(raw.slice(1), raw.slice(0, -1));
}

function grounds(grid: MotionGrid, { size, brightening }: CavityCurve, pair: Pair, fps: number): Ground[] {
  const range = Math.max(...size) - Math.min(...size);
  const depth = ((size[pair.ed] as number) - (size[pair.es] as number)) / range;
  const seconds = (pair.es - pair.ed) / fps;
  return [
    { trust: ramp(agreement(grid, size), 0.5, 0.9), doubt: 'the motion differs between parts of the picture' },
    {
      trust: ramp(apicalShare(grid, size), 0.85, 0.95),
      doubt: 'the apical part of the picture moves otherwise than the rest',
    },
    { trust: ramp(brightening, 0.1, 0.4), doubt: 'the apical region does not brighten as the cavity shrinks' },
    { trust: ramp(steadiness(grid, size), 0.4, 0.7), doubt: 'successive frames differ as if out of order' },
    { trust: ramp(depth, 0.3, 0.7), doubt: 'the picture changes more outside this beat than in its systole' },
    {
      trust: Math.min(ramp(seconds, 0.15, 0.2), ramp(-seconds, -0.55, -0.45)),
      doubt: 'systole would be unusually short or long',
    },
    { trust: isInside(pair, size.length, fps) ? 1 : 0.4, doubt: 'ED or ES is where the clip begins or ends' },
  ];
}

/**
 * Finds ED and ES of the clearest complete beat in an apical clip: the frames between which the cavity shrinks most within
 * a systole's time. Nothing is learned: the cavity's size is followed through the principal motion of the picture, its
 * direction is given by where the picture brightens. `frames` are all frames of the clip in their order, at `fps` frames a
 * second; `clip` names it in errors.
 * @throws BadInput for a clip too short, without a frame rate, or in which nothing moves as a heart does.
 */
export function findCycle(frames: readonly GreyImage[], fps: number, clip = 'clip'): Cycle {
  checked(frames, fps, clip);
  const grid = motionGrid(frames, fps, SMOOTHING);
  const curve = grid.contrast > STILLNESS ? cavityCurve(grid) : undefined;
  const pair = curve && deepestFall(curve.size, fps);
  if (curve === undefined || pair === undefined) throw notFound(clip, 'frames in which no systole is seen');
  const reasons = grounds(grid, curve, pair, fps);
  const confidence = reasons.reduce((product, { trust }) => product * trust, 1);
  const least = Math.min(...curve.size);
  const range = Math.max(...curve.size) - least;
  return {
    edFrame: pair.ed,
    esFrame: endOfEjection(curve.size, pair),
    confidence,
    sure: confidence >= SURE,
    doubts: reasons.filter(({ trust }) => trust < DOUBTFUL).map(({ doubt }) => doubt),
    curve: Array.from(curve.size, (value) => (value - least) / range),
  };
}
