import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { BadInput, messageOf } from '../host/errors.js';
import { printable } from '../host/text.js';
import { describeStart, isAvi } from './avi.js';
import { withByteFile } from './byte_file.js';
import type { GreyImage } from './image.js';

const timeLimitMs = 60_000;
const largestImage = 10_000_000;
/** Of all images that are asked for at once, bytes. */
const largestOutput = 2 ** 28;
/** ffmpeg refuses a single allocation above this. */
const memoryLimit = 512 * 1024 * 1024;

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

async function staticBinary(): Promise<string[]> {
  try {
    const path: unknown = (await import('ffmpeg-static')).default;
    return typeof path === 'string' ? [path] : [];
  } catch {
    return [];
  }
}

/** The ffmpeg program: `FFMPEG_PATH`, else ffmpeg-static's download, else the one on PATH; undefined if there is none. */
export async function findFfmpeg(): Promise<string | undefined> {
  const chosen = process.env['FFMPEG_PATH'];
  if (chosen !== undefined && chosen !== '') {
    if (isExecutable(chosen)) return chosen;
    throw new BadInput({ where: 'FFMPEG_PATH', expected: 'the path of the ffmpeg program', got: printable(chosen) });
  }
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = [...(await staticBinary()), ...onPath.map((folder) => join(folder, 'ffmpeg'))];
  return candidates.find(isExecutable);
}

/** The demuxer by the file's first bytes, so that ffmpeg never guesses a play list. */
function demuxerOf(path: string): string {
  const head = withByteFile(path, (file) => file.read(0, 132));
  const text = head.toString('latin1');
  if (isAvi(head)) return 'avi';
  if (text.slice(4, 8) === 'ftyp') return 'mov';
  if (text.startsWith('\x1aE\xdf\xa3')) return 'matroska';
  throw new BadInput({
    where: printable(basename(path)),
    expected: 'a video file (AVI, MP4, MOV, Matroska or WebM)',
    got: describeStart(head),
  });
}

/** Whether a program was killed for what `execFile`'s time limit says. */
function isTimeout(error: unknown): boolean {
  return (
    error instanceof Error && 'killed' in error && error.killed === true && !('code' in error && error.code !== null)
  );
}

/** What ffmpeg said last, without the addresses of its parts and the file's path. */
function complaints(stderr: string, parameters: readonly string[]): string {
  const input = parameters[parameters.indexOf('-i') + 1] ?? '';
  const lines = stderr.replaceAll(`${input}: `, '').replaceAll(/^\[[^\]]* @ 0x[0-9a-f]+\] /gm, '');
  return lines.trim().split('\n').slice(-2).join('; ');
}

function execute(
  program: string,
  parameters: string[],
  options: { maxBuffer: number; timeout: number; signal?: AbortSignal },
) {
  return new Promise<Buffer>((resolve, reject) => {
    const limits = { killSignal: 'SIGKILL' as const, encoding: 'buffer' as const, ...options };
    execFile(program, parameters, limits, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(complaints(stderr.toString('utf8'), parameters) || error.message, { cause: error }));
    });
  });
}

/** The images of a stream of binary PGM files (`P5 width height 255`); it ends where something else or half an image stands. */
function parsePgm(bytes: Buffer): GreyImage[] {
  const images: GreyImage[] = [];
  let at = 0;
  while (at < bytes.length) {
    const header = /^P5\s(\d+)\s(\d+)\s255\s/.exec(bytes.toString('latin1', at, at + 40));
    if (header === null) break;
    const [width, height] = [Number(header[1]), Number(header[2])];
    const start = at + header[0].length;
    at = start + width * height;
    if (at > bytes.length) break;
    images.push({ height, width, data: new Uint8Array(bytes.subarray(start, at)) });
  }
  return images;
}

/** Runs of neighbours in an ascending list, as ffmpeg's expressions say them: one term for a run, however long. */
function selection(frames: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const frame of frames) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === frame - 1) last[1] = frame;
    else runs.push([frame, frame]);
  }
  return runs.map(([first, last]) => `between(n,${first},${last})`).join('+');
}

/** What {@link decodeFrames} takes besides the file. */
export interface DecodeOptions {
  readonly signal?: AbortSignal | undefined;
  /** After so long ffmpeg is killed; a minute by default. */
  readonly timeLimitMs?: number | undefined;
}

async function ffmpegFor(where: string): Promise<string> {
  const program = await findFfmpeg();
  if (program !== undefined) return program;
  throw new BadInput({
    where,
    expected: 'ffmpeg for a video that is not Motion-JPEG',
    got: 'none (FFMPEG_PATH, ffmpeg-static, PATH)',
    fix: 'install ffmpeg or set FFMPEG_PATH',
  });
}

const safely = ['-nostdin', '-hide_banner', '-loglevel', 'error', '-max_alloc', String(memoryLimit)];

function inputOf(path: string, demuxer: string): string[] {
  const limits = ['-protocol_whitelist', 'file,pipe', '-max_pixels', String(largestImage), '-threads', '1'];
  return [...limits, '-f', demuxer, '-i', `file:${path}`, '-map', '0:v:0'];
}

/** What ffmpeg gives, its complaints as {@link BadInput}. */
async function runFfmpeg(
  where: string,
  parameters: string[],
  maxBuffer: number,
  { signal, timeLimitMs: timeout = timeLimitMs }: DecodeOptions,
): Promise<Buffer> {
  const options = { maxBuffer, timeout, ...(signal === undefined ? {} : { signal }) };
  try {
    return await execute(await ffmpegFor(where), [...safely, ...parameters], options);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof BadInput) throw error;
    if (error instanceof Error && isTimeout(error.cause)) {
      const fix = 'convert it to Motion-JPEG AVI';
      const got = 'a longer time';
      throw new BadInput({ where, expected: `ffmpeg to be done in ${timeout / 1000} s`, got, fix }, { cause: error });
    }
    const said = messageOf(error);
    if (said.includes('matches no streams')) {
      throw new BadInput({ where, expected: 'a video stream', got: 'none' }, { cause: error });
    }
    const got = `an error (${printable(said, 200)})`;
    throw new BadInput({ where, expected: 'a video that ffmpeg decodes', got }, { cause: error });
  }
}

/**
 * Frames of a video file as grey images through ffmpeg, in ascending order of `frames` (0-based, counted as stored).
 * ffmpeg runs without network protocols, with a fixed demuxer, one thread and limits of time and memory; what it cannot
 * decode, and a machine without ffmpeg, is {@link BadInput}.
 */
export async function decodeFrames(
  path: string,
  frames: readonly number[],
  options: DecodeOptions = {},
): Promise<GreyImage[]> {
  const where = printable(basename(path));
  // Numbered anew at a fixed rate, so that the output's frame rate neither repeats nor drops an image.
  const filter = `select='${selection(frames)}',settb=1/25,setpts=N`;
  const output = ['-vf', filter, '-frames:v', String(frames.length), '-r', '25'];
  const format = ['-f', 'image2pipe', '-c:v', 'pgm', '-pix_fmt', 'gray', 'pipe:1'];
  const parameters = [...inputOf(path, demuxerOf(path)), ...output, ...format];
  const maxBuffer = Math.min(frames.length * largestImage, largestOutput);
  const images = parsePgm(await runFfmpeg(where, parameters, maxBuffer, options));
  if (images.length === frames.length) return images;
  const wanted = printable(frames.join(', '));
  throw new BadInput({ where, expected: `frames ${wanted}`, got: `${images.length} of them from ffmpeg` });
}

/** The video stream of a file as its packets say; nothing is decoded. */
export interface VideoStream {
  readonly frames: number;
  /** NaN where the packets bear no times. */
  readonly fps: number;
}

const longestList = 2 ** 26;

/** Counts the frames of a video file through ffmpeg, under the same limits as {@link decodeFrames}. */
export async function probeVideo(path: string, options: DecodeOptions = {}): Promise<VideoStream> {
  const where = printable(basename(path));
  const list = ['-c', 'copy', '-f', 'framecrc', 'pipe:1'];
  const text = (await runFfmpeg(where, [...inputOf(path, demuxerOf(path)), ...list], longestList, options)).toString();
  const [, numerator = NaN, denominator = NaN] = (/^#tb 0: (\d+)\/(\d+)$/m.exec(text) ?? []).map(Number);
  const times = [...text.matchAll(/^0,\s*-?\d+,\s*(-?\d+),/gm)].map((match) => Number(match[1]));
  if (times.length === 0) throw new BadInput({ where, expected: 'a video stream with frames', got: 'none' });
  const [first, last] = times.reduce(([low, high], t) => [Math.min(low, t), Math.max(high, t)], [Infinity, -Infinity]);
  const fps = ((times.length - 1) * denominator) / ((last - first) * numerator);
  return { frames: times.length, fps: Number.isFinite(fps) ? fps : NaN };
}
