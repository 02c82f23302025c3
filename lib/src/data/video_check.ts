import { realpathSync, statSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { BadInput } from '../host/errors.js';
import { openAvi, type Avi } from '../files/avi.js';
import { findFfmpeg } from '../files/ffmpeg.js';
import { isDecodable, jpegSize } from '../files/jpeg.js';
import { printable } from '../host/text.js';

/** A video by its header and index, or why it cannot be used; nothing is decoded. */
export type VideoCheck =
  | { readonly kind: 'video'; readonly path: string; readonly frames: number; readonly fps: number }
  | { readonly kind: 'none'; readonly reasons: readonly string[] };

/** Codecs in AVI files that ffmpeg decodes. */
const ffmpegCodecs = new Set([
  ...['H264', 'X264', 'AVC1', 'HEVC', 'H265', 'VP80', 'VP90', 'AV01', 'WMV1', 'WMV2', 'WMV3'],
  ...['XVID', 'DIVX', 'DX50', 'MP4V', 'FMP4', 'MP42', 'MP43', 'DIV3', 'MPG1', 'MPG2', 'MPEG'],
  ...['FFV1', 'HFYU', 'FFVH', 'CVID', 'IV50', 'MSVC', 'CRAM', 'MRLE'],
  ...['DIB', 'RGB', 'RAW', 'Y800', 'Y8', 'GREY', 'I420', 'IYUV', 'YV12', 'YUY2', 'UYVY', 'NV12'],
]);

/** The folder of a data set's videos, and the real paths they must stay inside. */
export interface VideoFolder {
  readonly folder: string;
  readonly allowed: readonly string[];
  /** Whether a codec other than Motion-JPEG can be decoded here. */
  readonly hasFfmpeg: boolean;
}

/** Opens the folder of the videos, which may be a link; a file in it must lie in it or in the data set's root. */
export async function openVideoFolder(root: string, folder: string): Promise<VideoFolder> {
  const allowed = [realpathSync(root), realpathSync(folder)];
  return { folder, allowed, hasFfmpeg: (await findFfmpeg()) !== undefined };
}

/** Whether a path lies in a folder, both absolute and without links. */
export function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** The code of a system error (`ENOENT`, `EACCES`, …); anything else is a bug and is thrown on. */
function codeOf(error: unknown): string {
  if (error instanceof Error && 'syscall' in error && 'code' in error) return String(error.code);
  throw error;
}

/** A file of a data set, or why there is none. */
export type Located =
  { readonly kind: 'found'; readonly path: string } | { readonly kind: 'none'; readonly reasons: string[] };

/** Finds a file by its name in a data set, which it must not leave. */
export function locateVideo(name: string, { folder, allowed }: VideoFolder): Located {
  const outside: Located = { kind: 'none', reasons: [`video outside the data root: FileName "${printable(name)}"`] };
  if (name.includes('\0')) return outside;
  const path = resolve(folder, name);
  const shown = printable(relative(resolve(folder, '..'), path));
  if (!isInside(path, folder)) return outside;
  try {
    const real = realpathSync(path);
    if (!allowed.some((parent) => isInside(real, parent))) return outside;
    return statSync(real).isFile()
      ? { kind: 'found', path }
      : { kind: 'none', reasons: [`video is no file: ${shown}`] };
  } catch (error) {
    const code = codeOf(error);
    const reason = code === 'ENOENT' ? `video is missing: ${shown}` : `video cannot be opened: ${shown} (${code})`;
    return { kind: 'none', reasons: [reason] };
  }
}

/** Why a codec (other than Motion-JPEG) of an AVI file cannot be decoded here. */
export function codecFault(name: string, hasFfmpeg: boolean): string[] {
  const codec = printable(name);
  if (!ffmpegCodecs.has(name)) return [`codec is unknown: "${codec}"`];
  return hasFfmpeg ? [] : [`codec needs ffmpeg: "${codec}", and there is none (FFMPEG_PATH, ffmpeg-static, PATH)`];
}

function frameFaults(avi: Avi, wanted: readonly number[]): string[] {
  return wanted.flatMap((frame) => {
    if (frame >= avi.frames) return [`frame beyond the clip: frame ${frame} of ${avi.frames} (0-based)`];
    if (!avi.isMotionJpeg) return [];
    const size = jpegSize(avi.readFrame(frame));
    if (size === null) return [`frame is no JPEG image: frame ${frame}`];
    if (isDecodable(size)) return [];
    return [`frame has an impossible size: frame ${frame}, ${size.width} × ${size.height} pixels`];
  });
}

/** Checks the video of a study and that the wanted frames (0-based) are in it, by header and index alone. */
export function checkVideo(name: string, wanted: readonly number[], videos: VideoFolder): VideoCheck {
  const found = locateVideo(name, videos);
  if (found.kind === 'none') return found;
  try {
    const avi = openAvi(found.path);
    const reasons = [...(avi.isMotionJpeg ? [] : codecFault(avi.codec, videos.hasFfmpeg)), ...frameFaults(avi, wanted)];
    if (reasons.length > 0) return { kind: 'none', reasons };
    return { kind: 'video', path: found.path, frames: avi.frames, fps: avi.fps };
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    return { kind: 'none', reasons: [`video cannot be read: ${error.message.replace(/\.$/, '')}`] };
  }
}
