import { basename } from 'node:path';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import { isAvi, openAvi, type Avi } from '../files/avi.js';
import { withByteFile } from '../files/byte_file.js';
import { decodeFrames } from '../files/ffmpeg.js';
import { decodeJpeg } from '../files/jpeg.js';
import { readFrameFile } from './frame_file.js';
import type { GreyImage, Study } from './study.js';

/** What decoded the frames: the library's own reader of Motion-JPEG AVI, of NIfTI or of DICOM, or ffmpeg. */
export type Decoder = 'mjpeg' | 'ffmpeg' | 'nifti' | 'dicom';

/** Chosen frames of one video. */
export interface Frames {
  readonly images: readonly GreyImage[];
  readonly decoder: Decoder;
}

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

export interface FrameOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Decodes frames with ffmpeg, which gives them in ascending order and once each. */
async function withFfmpeg(
  video: string,
  stored: readonly number[],
  { signal }: FrameOptions,
): Promise<readonly GreyImage[]> {
  const ascending = [...new Set(stored)].sort((a, b) => a - b);
  const images = await decodeFrames(video, ascending, { signal });
  return stored.map((frame) => images[ascending.indexOf(frame)] as GreyImage);
}

/** Whether a file is AVI by its content, whatever its name. */
const holdsAvi = (video: string): boolean => withByteFile(video, (file) => isAvi(file.read(0, 12)));

/** Frames of an AVI file: JPEG images one by one through the index, any other codec with ffmpeg. */
async function framesOfAvi(
  avi: Avi,
  video: string,
  indices: readonly number[],
  options: FrameOptions,
): Promise<Frames> {
  const stored = indices.map((frame) => avi.storedIndex(frame));
  if (!avi.isMotionJpeg) return { images: await withFfmpeg(video, stored, options), decoder: 'ffmpeg' };
  const name = printable(basename(video));
  const images = indices.map((frame) => decodeJpeg(avi.readFrame(frame), `${name}, frame ${frame}`));
  return { images, decoder: 'mjpeg' };
}

/**
 * Frames of a video (0-based, in the order asked for); only these are decoded where the file has an index. A video that
 * cannot be read and a frame beyond its end are {@link BadInput}.
 */
export async function readFrames(
  video: string,
  indices: readonly number[],
  options: FrameOptions = {},
): Promise<Frames> {
  options.signal?.throwIfAborted();
  if (holdsAvi(video)) return framesOfAvi(openAvi(video), video, indices, options);
  return { images: await withFfmpeg(video, indices, options), decoder: 'ffmpeg' };
}

async function decodePair({ video, edFrame, esFrame }: Study, options: FrameOptions): Promise<FramePair> {
  if (typeof video === 'string') {
    const { images, decoder } = await readFrames(video, [edFrame, esFrame], options);
    const [ED, ES] = images as [GreyImage, GreyImage];
    return { ED, ES, decoder };
  }
  options.signal?.throwIfAborted();
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
