import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeMjpegAvi } from 'gemma-3ncore/files/avi_write';
import { encodeGreyJpeg } from 'gemma-3ncore/files/jpeg_grey';
import { phantomStudy } from 'gemma-3ncore/data/phantom/study';
import { FIELD_MM } from 'gemma-3ncore/data/phantom/view';
import type { GreyImage, Split } from 'gemma-3ncore/data/study';
import { dicomFile, rleFrame } from './dicom.js';
import { phantomClip, type PhantomClip } from './phantom_clip.js';

/** How a clip is written; the DICOM ones show a scanner's screen with text beside the picture. */
export const clipKinds = ['avi', 'jpeg.dcm', 'mp4', 'rle.dcm', 'raw.dcm'] as const;
export type ClipKind = (typeof clipKinds)[number];

const screen = { width: 320, height: 240, left: 60, top: 10, scale: 2 };

/** A frame enlarged on a screen with a block of text that never changes. */
function onScreen({ width, height, data }: GreyImage): GreyImage {
  const picture = new Uint8Array(screen.width * screen.height);
  for (let y = 3; y < 11; y++) for (let x = 3; x < 50; x++) picture[y * screen.width + x] = (x ^ y) & 1 ? 240 : 0;
  for (let y = 0; y < height * screen.scale; y++) {
    for (let x = 0; x < width * screen.scale; x++) {
      const value = data[Math.floor(y / screen.scale) * width + Math.floor(x / screen.scale)]!;
      picture[(y + screen.top) * screen.width + x + screen.left] = value;
    }
  }
  return { width: screen.width, height: screen.height, data: picture };
}

function dicomOf({ frames, fps, study }: PhantomClip, kind: ClipKind): Buffer {
  const side = study.size * screen.scale;
  const { left, top, width, height } = screen;
  const shown = frames.map(onScreen);
  const size = { width, height, frameTime: String(1000 / fps) };
  const region = [left, top, left + side - 1, top + side - 1, FIELD_MM / 10 / side] as const;
  const bytes = ({ data }: GreyImage): Buffer => Buffer.from(data);
  if (kind === 'raw.dcm') return dicomFile({ ...size, region, frames: shown.map(bytes) });
  if (kind === 'rle.dcm') {
    return dicomFile({ ...size, region, coding: 'rle', frames: shown.map((frame) => rleFrame([bytes(frame)])) });
  }
  return dicomFile({ ...size, region, coding: 'jpeg', frames: shown.map(jpegOf) });
}

const quality = 90;

const jpegOf = ({ data, width, height }: GreyImage): Buffer =>
  Buffer.from(encodeGreyJpeg(data, width, height, quality));

function aviOf({ frames, fps, study: { size } }: PhantomClip): Uint8Array {
  return encodeMjpegAvi({ width: size, height: size, fps, quality, frames: frames.map(({ data }) => data) });
}

function writeMp4(program: string, path: string, { frames, fps, study: { size } }: PhantomClip): void {
  const input = Buffer.concat(frames.map(({ data }) => data));
  const source = ['-f', 'rawvideo', '-pix_fmt', 'gray', '-s', `${size}x${size}`, '-r', String(fps), '-i', '-'];
  const coding = ['-vf', 'scale=224:224:flags=neighbor', '-c:v', 'mpeg4', '-q:v', '2', '-pix_fmt', 'yuv420p'];
  execFileSync(program, ['-v', 'error', '-y', ...source, ...coding, path], { input });
}

const splits: readonly Split[] = ['TRAIN', 'TRAIN', 'VAL', 'TRAIN', 'TEST'];

/** What was written for one clip. */
export interface WrittenClip {
  readonly name: string;
  readonly kind: ClipKind;
  readonly split: Split;
  readonly clip: PhantomClip;
  /** Whether the table leaves its frames to be found. */
  readonly open: boolean;
}

/**
 * Writes phantom clips of all kinds and `clips.csv` over them; every third row leaves ED and ES to be found. Without ffmpeg
 * there is no MP4.
 */
export function writeClipFolder(folder: string, seed: number, count: number, ffmpeg: string | null): WrittenClip[] {
  const kinds = clipKinds.filter((kind) => kind !== 'mp4' || ffmpeg !== null);
  const written = Array.from({ length: count }, (_, i): WrittenClip => {
    const clip = phantomClip(phantomStudy(seed, i, 112));
    const kind = kinds[(i + Math.floor(i / kinds.length)) % kinds.length]!;
    const name = `clip${String(i).padStart(2, '0')}.${kind}`;
    const path = join(folder, name);
    if (kind === 'mp4') writeMp4(ffmpeg!, path, clip);
    else writeFileSync(path, kind === 'avi' ? aviOf(clip) : dicomOf(clip, kind));
    return { name, kind, split: splits[i % splits.length]!, clip, open: i % 3 === 0 };
  });
  const rows = written.map(({ name, split, clip, open }) => {
    const { EDV, ESV, EF, edFrame, esFrame } = clip.study;
    return [name, ...[EDV, ESV, EF].map((value) => value.toFixed(2)), split, ...(open ? ['', ''] : [edFrame, esFrame])];
  });
  const table = [['FileName', 'EDV', 'ESV', 'EF', 'Split', 'ED', 'ES'], ...rows];
  writeFileSync(join(folder, 'clips.csv'), table.map((row) => row.join(',')).join('\n'));
  return written;
}
