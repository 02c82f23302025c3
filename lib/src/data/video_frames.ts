import { basename } from 'node:path';
import { isAvi, openAvi, type Avi } from '../files/avi.js';
import { withByteFile } from '../files/byte_file.js';
import { decodeFrames } from '../files/ffmpeg.js';
import { decodeJpeg } from '../files/jpeg.js';
import { printable } from '../host/text.js';
import type { GreyImage } from './study.js';

/** What decoded the frames: the library's own reader of Motion-JPEG AVI, of NIfTI or of DICOM, or ffmpeg. */
export type Decoder = 'mjpeg' | 'ffmpeg' | 'nifti' | 'dicom';

/** Chosen frames of one video. */
export interface Frames {
  readonly images: readonly GreyImage[];
  readonly decoder: Decoder;
}

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
