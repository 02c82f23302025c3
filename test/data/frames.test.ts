import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { extractFrames } from 'gemma-3ncore/data/frames';
import { readFrames } from 'gemma-3ncore/data/video_frames';
import type { Study } from 'gemma-3ncore/data/study';
import { decodeFrames } from 'gemma-3ncore/files/ffmpeg';
import { BadInput } from 'gemma-3ncore/host/errors';
import { aviFile, greyAt, jpegImage } from '../support/avi.js';
import { maxAbsDifference } from '../support/compare.js';
import { ffmpegOrSkip, makeVideo } from '../support/ffmpeg.js';
import { useTemporaryFolder } from '../support/folder.js';

const folder = useTemporaryFolder()('frames');
const clip = join(folder, 'clip.avi');
const images = Array.from({ length: 12 }, (_, i) => jpegImage(i));

function studyOf(video: string, edFrame: number, esFrame: number): Study {
  const labels = { EDV: 100, ESV: 40, EF: 60, fps: 50, numberOfFrames: 12 };
  return { id: video, patient: video, view: '4CH', split: 'TRAIN', video, edFrame, esFrame, ...labels };
}

function drawn(frame: number): number[] {
  return Array.from({ length: 256 }, (_, i) => greyAt(frame, i % 16, Math.floor(i / 16)));
}

describe('data/frames', () => {
  before(() => writeFileSync(clip, aviFile(images)));

  it('decodes the frames asked for, in that order', async () => {
    const { images: found, decoder } = await readFrames(clip, [7, 2, 7]);
    assert.equal(decoder, 'mjpeg');
    for (const [i, frame] of [7, 2, 7].entries()) {
      // Quality 95: quantization steps of a few grey levels; the next frame differs by more than 10.
      assert.ok(maxAbsDifference(found[i]!.data, drawn(frame)) <= 4);
    }
  });

  it('gives ED and ES of a study, ES first or last', async () => {
    const { ED, ES } = await extractFrames(studyOf(clip, 9, 1));
    assert.ok(maxAbsDifference(ED.data, drawn(9)) <= 4);
    assert.ok(maxAbsDifference(ES.data, drawn(1)) <= 4);
  });

  it('refuses a pair of two sizes and a frame beyond the end', async () => {
    const mixed = join(folder, 'mixed.avi');
    writeFileSync(mixed, aviFile([images[0]!, jpegImage(0, 24, 16)]));
    await assert.rejects(extractFrames(studyOf(mixed, 0, 1)), /ED and ES of one size, 16×16, got 16×24/);
    await assert.rejects(extractFrames(studyOf(clip, 0, 12)), BadInput);
  });
});

describe('data/frames with ffmpeg', async () => {
  const { program, skip } = await ffmpegOrSkip();
  const frames = [0, 5, 6, 19];

  it('gives the same pixels of Motion-JPEG both ways', { skip }, async () => {
    const path = join(folder, 'both.avi');
    for (const tables of ['default', 'optimal']) {
      makeVideo(program, path, 20, '-c:v', 'mjpeg', '-huffman', tables, '-pix_fmt', 'yuvj420p', '-q:v', '2');
      const ours = await readFrames(path, frames);
      assert.equal(ours.decoder, 'mjpeg');
      const theirs = await decodeFrames(path, frames);
      // The inverse cosine transforms round differently.
      theirs.forEach((image, i) => assert.ok(maxAbsDifference(ours.images[i]!.data, image.data) <= 2));
      assert.ok(maxAbsDifference(theirs[1]!.data, theirs[2]!.data) > 2, 'frames differ');
    }
  });

  it('skips dropped frames as the index does', { skip }, async () => {
    const path = join(folder, 'dropped.avi');
    const none = Buffer.alloc(0);
    writeFileSync(path, aviFile([images[0]!, none, images[4]!, none, none, images[8]!]));
    const { images: ours } = await readFrames(path, [1, 2, 4, 5]);
    const [first, second, third] = await decodeFrames(path, [0, 1, 2]);
    const theirs = [first!, second!, second!, third!];
    theirs.forEach((image, i) => assert.ok(maxAbsDifference(ours[i]!.data, image.data) <= 2));
  });

  it('decodes other codecs and containers frame by frame', { skip }, async () => {
    const lossless = join(folder, 'lossless.avi');
    makeVideo(program, lossless, 20, '-c:v', 'ffv1', '-pix_fmt', 'gray');
    const truth = await readFrames(lossless, frames);
    assert.equal(truth.decoder, 'ffmpeg');
    const encoders = execFileSync(program, ['-v', 'error', '-encoders']).toString();
    const kinds: [string, string[]][] = [
      ['clip.avi', ['-c:v', 'mpeg4', '-q:v', '1']],
      ['uncompressed.avi', ['-c:v', 'rawvideo', '-pix_fmt', 'bgr24']],
      ...(encoders.includes('libx264')
        ? ([
            ['h264.avi', ['-c:v', 'libx264', '-qp', '4', '-bf', '0']],
            ['h264.mp4', ['-c:v', 'libx264', '-qp', '4']],
            ['h264.mkv', ['-c:v', 'libx264', '-qp', '4']],
          ] as [string, string[]][])
        : []),
    ];
    for (const [name, options] of kinds) {
      const path = join(folder, name);
      makeVideo(program, path, 20, '-pix_fmt', 'yuv420p', ...options);
      const { images: found, decoder } = await readFrames(path, [19, 0, 6, 5]);
      assert.equal(decoder, 'ffmpeg');
      for (const [i, frame] of [19, 0, 6, 5].entries()) {
        const expected = truth.images[frames.indexOf(frame)]!.data;
        const error =
          found[i]!.data.reduce((sum, value, at) => sum + Math.abs(value - expected[at]!), 0) / expected.length;
        // Lossy codecs at their best quality; neighbouring frames of the moving picture differ by more than 2 on average.
        assert.ok(error < 1.5, `${name}, frame ${frame}: mean difference ${error}`);
      }
    }
  });

  it('refuses what is no video and frames beyond the end in one sentence', { skip }, async () => {
    const list = join(folder, 'list.mp4');
    writeFileSync(list, '#EXTM3U\nhttp://example.org/clip.mp4\n');
    await assert.rejects(readFrames(list, [0]), /list\.mp4: expected a video file .*, got a play list/);
    const broken = join(folder, 'broken.mp4');
    writeFileSync(broken, Buffer.concat([Buffer.from('\0\0\0\x18ftypisom', 'latin1'), Buffer.alloc(500, 7)]));
    await assert.rejects(readFrames(broken, [0]), /expected a video that ffmpeg decodes/);
    const short = join(folder, 'short.avi');
    makeVideo(program, short, 5, '-c:v', 'ffv1');
    await assert.rejects(decodeFrames(short, [1, 7]), /expected frames 1, 7, got 1 of them/);
  });

  it('names FFMPEG_PATH where it leads nowhere', async () => {
    const formerly = process.env['FFMPEG_PATH'];
    process.env['FFMPEG_PATH'] = join(folder, 'absent');
    try {
      await assert.rejects(decodeFrames(clip, [0]), /FFMPEG_PATH: expected the path of the ffmpeg program/);
    } finally {
      if (formerly === undefined) delete process.env['FFMPEG_PATH'];
      else process.env['FFMPEG_PATH'] = formerly;
    }
  });
});
