import { BadInput } from '../host/errors.js';
import { openClip } from './clip.js';
import { readFrameFile } from './frame_file.js';
import type { CinePicture, Framing, GreyImage, Study } from './study.js';
import { readFrames, type Decoder, type FrameOptions } from './video_frames.js';

/** The end-diastolic and end-systolic frame of a study. */
export interface FramePair {
  readonly ED: GreyImage;
  readonly ES: GreyImage;
  readonly decoder: Decoder;
  readonly framing: Framing;
}

/** A study and its two frames. */
export interface DecodedStudy {
  readonly study: Study;
  readonly frames: FramePair;
}

/** A study's frames, or why there are none. */
export type Extraction =
  | ({ readonly kind: 'frames' } & DecodedStudy)
  | { readonly kind: 'unreadable'; readonly study: Study; readonly reason: string };

/** A picture in memory of its own, where it is a part of a file's: it is kept, or goes to another thread. */
function alone(image: GreyImage): GreyImage {
  const { data } = image;
  return data.byteLength === data.buffer.byteLength ? image : { ...image, data: new Uint8Array(data) };
}

function framingOf({ preparation, field }: CinePicture, { width, height }: GreyImage): Framing {
  return { preparation, spacing: field === null ? null : [field[0] / width, field[1] / height] };
}

const unknownPicture: CinePicture = { preparation: 'whole', field: null };

async function decodePair({ video, picture, edFrame, esFrame }: Study, options: FrameOptions): Promise<FramePair> {
  if (typeof video === 'string') {
    const { images, decoder } = await readFrames(video, [edFrame, esFrame], options);
    const [ED, ES] = images as [GreyImage, GreyImage];
    return { ED, ES, decoder, framing: framingOf(picture ?? unknownPicture, ED) };
  }
  options.signal?.throwIfAborted();
  if ('clip' in video) {
    const clip = await openClip(video.clip, options);
    const [ED, ES] = (await clip.read([edFrame, esFrame], options)) as [GreyImage, GreyImage];
    const { decoder, preparation, spacing } = clip;
    return { ED, ES, decoder, framing: { preparation, spacing } };
  }
  const [ED, ES] = [readFrameFile(video.ED), readFrameFile(video.ES)];
  return { ED: ED.image, ES: ES.image, decoder: 'nifti', framing: { preparation: 'whole', spacing: ED.spacing } };
}

/** The ED and ES frames of a study, decoded on the fly. */
export async function extractFrames(study: Study, options: FrameOptions = {}): Promise<FramePair> {
  const { ED, ES, ...rest } = await decodePair(study, options);
  if (ED.height === ES.height && ED.width === ES.width) return { ED: alone(ED), ES: alone(ES), ...rest };
  const size = ({ height, width }: GreyImage): string => `${height}×${width}`;
  throw new BadInput({ where: study.id, expected: `ED and ES of one size, ${size(ED)}`, got: size(ES) });
}

/** A study's frames, or why there are none; only a bug and an aborted signal throw. */
export async function extract(study: Study, options: FrameOptions): Promise<Extraction> {
  try {
    return { kind: 'frames', study, frames: await extractFrames(study, options) };
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    return { kind: 'unreadable', study, reason: error.message };
  }
}
