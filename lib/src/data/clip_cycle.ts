import type { Clip } from './clip.js';
import { findCycle, type Cycle } from './cycle.js';
import type { GreyImage } from './study.js';
import type { FrameOptions } from './video_frames.js';

/** ED and ES as found, with the two frames. */
export interface ClipCycle extends Cycle {
  readonly images: { readonly ED: GreyImage; readonly ES: GreyImage };
}

/** Finds ED and ES of a clip, all of whose frames are decoded for it. @throws BadInput as {@link findCycle}. */
export async function findClipCycle(clip: Clip, options: FrameOptions = {}): Promise<ClipCycle> {
  const frames = await clip.read([...Array(clip.frames).keys()], options);
  const cycle = findCycle(frames, clip.fps, clip.name);
  return {
    ...cycle,
    images: { ED: frames[cycle.edFrame] as GreyImage, ES: frames[cycle.esFrame] as GreyImage },
  };
}
