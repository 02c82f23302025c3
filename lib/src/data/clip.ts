import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { isAvi, openAvi } from '../files/avi.js';
import { unreadable, withByteFile } from '../files/byte_file.js';
import { openDicom } from '../files/dicom.js';
import { isDicom } from '../files/dicom_header.js';
import { probeVideo } from '../files/ffmpeg.js';
import type { UltrasoundRegion } from '../files/ultrasound_regions.js';
import { BadInput } from '../host/errors.js';
import { yieldToEvents } from '../host/abort.js';
import { printable } from '../host/text.js';
import { readFrames, type Decoder, type FrameOptions } from './video_frames.js';
import { cropToSector, findSector, squareAround, type Sector } from './sector.js';
import { spread } from './spread.js';
import type { Framing, GreyImage, Preparation } from './study.js';

/** A cine from a file of one's own. */
export interface Clip extends Framing {
  /** The file's name, printable. */
  readonly name: string;
  readonly decoder: Decoder;
  /** Codec or transfer syntax. */
  readonly coding: string;
  readonly frames: number;
  /** NaN where the file has none. */
  readonly fps: number;
  /** Size of the frames as the file holds them. */
  readonly height: number;
  readonly width: number;
  readonly sector: Sector | null;
  /** The frames (0-based, in the order asked for) as grey, prepared. */
  read(frames: readonly number[], options?: FrameOptions): Promise<GreyImage[]>;
}

export interface ClipOptions extends FrameOptions {
  /** Leaves the frames as they are, text and all. */
  readonly unmasked?: boolean | undefined;
}

/** The side of EchoNet-Dynamic's frames: that of frames cropped to their sector, and of the largest squares that are left as they are. */
export const clipSize = 112;

const largestFile = 2 ** 31;
const mostFrames = 10_000;
/** The sector is found from so many frames, spread over the clip. */
const sectorFrames = 16;
/** Frames as the file holds them that are in memory at once, bytes. */
const chunkBytes = 2 ** 27;

/** A file of whichever kind, its frames as they are. */
interface Source {
  readonly decoder: Decoder;
  readonly coding: string;
  readonly frames: number;
  readonly fps: number;
  readonly region: UltrasoundRegion | null;
  read(frames: readonly number[], options: FrameOptions): Promise<readonly GreyImage[]>;
}

function openDicomSource(path: string, where: string): Source {
  const dicom = openDicom(path);
  if (dicom.modality !== 'US') {
    throw new BadInput({ where: `${where}, Modality`, expected: 'US (ultrasound)', got: dicom.modality });
  }
  return {
    decoder: 'dicom',
    coding: dicom.transferSyntax,
    frames: dicom.frames,
    fps: dicom.fps,
    region: dicom.regions[0] ?? null,
    async read(frames, { signal }) {
      const images: GreyImage[] = [];
      for (const frame of frames) {
        await yieldToEvents(signal);
        images.push(dicom.readFrame(frame));
      }
      return images;
    },
  };
}

const readVideo =
  (path: string): Source['read'] =>
  async (frames, options) =>
    (await readFrames(path, frames, options)).images;

function openAviSource(path: string): Source {
  const { frames, fps, codec, isMotionJpeg } = openAvi(path);
  const decoder = isMotionJpeg ? 'mjpeg' : 'ffmpeg';
  return { decoder, coding: printable(codec), frames, fps, region: null, read: readVideo(path) };
}

async function openVideoSource(path: string, options: FrameOptions): Promise<Source> {
  const { frames, fps } = await probeVideo(path, options);
  return { decoder: 'ffmpeg', coding: 'video', frames, fps, region: null, read: readVideo(path) };
}

/** Opens a file by its content; its extension says nothing. */
async function openSource(path: string, where: string, options: FrameOptions): Promise<Source> {
  const { start, size } = withByteFile(path, (file) => ({ start: Buffer.from(file.read(0, 132)), size: file.size }));
  if (size > largestFile) {
    throw new BadInput({ where, expected: `a file of at most ${largestFile / 2 ** 30} GB`, got: `${size} bytes` });
  }
  if (isDicom(start)) return openDicomSource(path, where);
  return isAvi(start) ? openAviSource(path) : openVideoSource(path, options);
}

/** In pieces that fit into memory. */
function* pieces(frames: readonly number[], bytesOfFrame: number): Generator<readonly number[]> {
  const count = Math.max(1, Math.floor(chunkBytes / bytesOfFrame));
  for (let at = 0; at < frames.length; at += count) yield frames.slice(at, at + count);
}

/** The spacing of the prepared frames. */
function spacingOf(region: UltrasoundRegion | null, sector: Sector | null): Clip['spacing'] {
  if (region === null || region.spacing === null) return null;
  const [x, y] = region.spacing;
  const scale = sector === null ? 1 : squareAround(sector.box).width / clipSize;
  return [x * scale, y * scale];
}

function checkFile(path: string): void {
  try {
    if (statSync(path).isFile()) return;
  } catch (error) {
    throw unreadable(path, error);
  }
  throw new BadInput({
    where: printable(basename(path)),
    expected: 'a video or DICOM file',
    got: 'a folder or device',
  });
}

/** What a clip's header and index say, and its frames as the file holds them. */
export type ClipHeader = Pick<Source, 'decoder' | 'coding' | 'frames' | 'fps' | 'read'>;

/** Checks a clip by header and index, without decoding. @throws BadInput as {@link openClip}. */
export async function inspectClip(path: string, options: FrameOptions = {}): Promise<ClipHeader> {
  return checkedSource(path, printable(basename(path)), options);
}

async function checkedSource(path: string, name: string, options: FrameOptions): Promise<Source> {
  checkFile(path);
  const source = await openSource(path, name, options);
  if (source.frames <= mostFrames) return source;
  throw new BadInput({ where: name, expected: `at most ${mostFrames} frames`, got: String(source.frames) });
}

/**
 * Opens a cine of one's own: AVI (Motion-JPEG by its index, other codecs with ffmpeg), MP4, MOV, Matroska or WebM (ffmpeg), or
 * ultrasound DICOM, told apart by content. By default what lies outside of the ultrasound sector (burnt-in text, an ECG) is
 * made black, and frames are cropped and resized as EchoNet-Dynamic's are. @throws BadInput for a file that is none of these,
 * is damaged, or exceeds 2 GB or 10,000 frames.
 */
export async function openClip(path: string, options: ClipOptions = {}): Promise<Clip> {
  const name = printable(basename(path));
  const source = await checkedSource(path, name, options);
  const { decoder, coding, frames, fps, region } = source;
  const all = Array.from({ length: frames }, (_, frame) => frame);
  const sample = await source.read(spread(all, sectorFrames), options);
  const [{ height, width }] = sample as readonly [GreyImage];
  const sizes = new Set(sample.map((image) => `${image.height}×${image.width}`));
  if (sizes.size > 1) throw new BadInput({ where: name, expected: 'frames of one size', got: [...sizes].join(', ') });
  const isSmall = height === width && height <= clipSize;
  const sector = isSmall || options.unmasked === true ? null : findSector(sample, region);
  const whole: Preparation = options.unmasked === true ? 'whole' : 'no sector';
  const prepare = (image: GreyImage): GreyImage => (sector === null ? image : cropToSector(image, sector, clipSize));
  return {
    ...{ name, decoder, coding, frames, fps, height, width, sector },
    preparation: isSmall ? 'small square' : sector === null ? whole : 'sector',
    spacing: spacingOf(region, sector),
    async read(chosen, given = {}) {
      const odd = chosen.find((frame) => !(Number.isInteger(frame) && frame >= 0 && frame < frames));
      if (odd !== undefined) {
        throw new BadInput({ where: name, expected: `a frame from 0 to ${frames - 1}`, got: String(odd) });
      }
      const images: GreyImage[] = [];
      for (const piece of pieces(chosen, height * width)) {
        for (const image of await source.read(piece, given)) images.push(prepare(image));
      }
      return images;
    },
  };
}
