import { BadInput } from '../host/errors.js';
import { openClip } from './clip.js';
import { readFrameFile } from './frame_file.js';
import type { GreyImage, Study } from './study.js';
import { readFrames, type Decoder, type FrameOptions } from './video_frames.js';

/** The end-diastolic and end-systolic frame of a study. */
export interface FramePair {
  readonly ED: GreyImage;
  readonly ES: GreyImage;
  readonly decoder: Decoder;
}

/** A study's frames, or why there are none. */
export type Extraction =
  | { readonly kind: 'frames'; readonly study: Study; readonly frames: FramePair }
  | { readonly kind: 'unreadable'; readonly study: Study; readonly reason: string };

async function decodePair({ video, edFrame, esFrame }: Study, options: FrameOptions): Promise<FramePair> {
  if (typeof video === 'string') {
    const { images, decoder } = await readFrames(video, [edFrame, esFrame], options);
    const [ED, ES] = images as [GreyImage, GreyImage];
    return { ED, ES, decoder };
  }
  options.signal?.throwIfAborted();
  if ('clip' in video) {
    const clip = await openClip(video.clip, options);
    const [ED, ES] = (await clip.read([edFrame, esFrame], options)) as [GreyImage, GreyImage];
    return { ED, ES, decoder: clip.decoder };
  }
  return { ED: readFrameFile(video.ED).image, ES: readFrameFile(video.ES).image, decoder: 'nifti' };
}

/** The ED and ES frames of a study, decoded on the fly. */
export async function extractFrames(study: Study, options: FrameOptions = {}): Promise<FramePair> {
  const { ED, ES, decoder } = await decodePair(study, options);
  if (ED.height === ES.height && ED.width === ES.width) return { ED, ES, decoder };
  const size = ({ height, width }: GreyImage): string => `${height}×${width}`;
  throw new BadInput({ where: study.id, expected: `ED and ES of one size, ${size(ED)}`, got: size(ES) });
}

async function extract(study: Study, options: FrameOptions): Promise<Extraction> {
  try {
    return { kind: 'frames', study, frames: await extractFrames(study, options) };
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    return { kind: 'unreadable', study, reason: error.message };
  }
}

/**
 * The frames of many studies in their order, at most `ahead` of them decoded before they are asked for; a study that
 * cannot be decoded comes with its reason and does not stop the rest.
 */
export async function* extractEach(
  studies: Iterable<Study>,
  { ahead = 4, signal }: FrameOptions & { readonly ahead?: number } = {},
): AsyncGenerator<Extraction> {
  const waiting: Promise<Extraction>[] = [];
  for (const study of studies) {
    signal?.throwIfAborted();
    const next = extract(study, { signal });
    // An interruption is reported by the study that is awaited; the others' stay unread.
    next.catch(() => undefined);
    waiting.push(next);
    if (waiting.length > ahead) yield (await waiting.shift()) as Extraction;
  }
  for (const next of waiting) yield await next;
}
