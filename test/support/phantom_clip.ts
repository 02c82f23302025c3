import type { GreyImage } from 'gemma-3ncore/data/study';
import { renderFrame } from 'gemma-3ncore/data/phantom/render';
import { phantomStudy, volumeAt, type PhantomStudy } from 'gemma-3ncore/data/phantom/study';

const SIZE = 112;

/** A phantom's clip at some frame rate, and what is true of it. */
export interface PhantomClip {
  readonly study: PhantomStudy;
  readonly fps: number;
  readonly frames: readonly GreyImage[];
  /** Left-ventricular volume in each frame, mL. */
  readonly volumes: readonly number[];
  /** True end-diastoles and end-systoles of all beats, in frames of this clip, not whole numbers. */
  readonly ED: readonly number[];
  readonly ES: readonly number[];
}

/** The clip of a phantom study, at its own frame rate or sampled at another. */
export function phantomClip(study: PhantomStudy, fps: number = study.fps): PhantomClip {
  const step = study.fps / fps;
  const times = Array.from({ length: Math.floor((study.frames - 1) / step) + 1 }, (_, t) => t * step);
  const { beat, systole, edFrame, esFrame } = study.cycle;
  const beats = (...moments: number[]): number[] =>
    moments.flatMap((moment) => [-2, -1, 0, 1, 2].map((k) => (moment + k * beat) / step));
  return {
    ...{ study, fps },
    frames: times.map((t) => ({ height: study.size, width: study.size, data: renderFrame(study, t) })),
    volumes: times.map((t) => volumeAt(study, t)),
    // Where ES is traced before ED, the diastole between them is stretched to whole frames.
    ED: beats(edFrame, esFrame - systole),
    ES: beats(esFrame, edFrame + systole),
  };
}

/** Clips of the first studies of a seed. */
export function phantomClips(seed: number, count: number, fps?: number): PhantomClip[] {
  return Array.from({ length: count }, (_, i) => phantomClip(phantomStudy(seed, i, SIZE), fps));
}

/** Frames from the nearest true moment. */
export function framesOff(found: number, moments: readonly number[]): number {
  return Math.min(...moments.map((moment) => Math.abs(found - moment)));
}
