import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openClip } from 'gemma-3ncore/data/clip';
import { BadInput } from 'gemma-3ncore/host/errors';
import { aviFile, jpegImage } from '../support/avi.js';
import { maxAbsDifference } from '../support/compare.js';
import { dicomFile, greyBytes } from '../support/dicom.js';
import { ffmpegOrSkip, makeVideo } from '../support/ffmpeg.js';
import { useFolder } from '../support/folder.js';

const root = useFolder();

function written(name: string, bytes: Buffer | string): string {
  const path = join(root, name);
  writeFileSync(path, bytes);
  return path;
}

const images = Array.from({ length: 6 }, (_, i) => jpegImage(i));
/** Frames of 200 × 160 with noise that changes in the middle and a text that does not. */
const shots = Array.from({ length: 5 }, (_, frame) =>
  Buffer.from(
    Array.from({ length: 200 * 160 }, (__, i) => {
      const [x, y] = [i % 200, Math.floor(i / 200)];
      if (y < 10 && x < 60) return 250;
      return Math.hypot(x - 100, y - 90) < 50 ? 20 + ((frame * 7919 + i * 31) % 101) : 0;
    }),
  ),
);

describe('data/clip', async () => {
  const ffmpeg = await ffmpegOrSkip();

  it('opens by content, whatever the name, and leaves frames of the size of data sets as they are', async () => {
    const avi = await openClip(written('cine.mp4', aviFile(images, { fps: 40 })));
    assert.deepEqual([avi.decoder, avi.coding, avi.frames, avi.fps], ['mjpeg', 'MJPG', 6, 40]);
    assert.deepEqual([avi.preparation, avi.sector, avi.spacing], ['small square', null, null]);
    const dicom = await openClip(written('cine.avi', dicomFile({ frames: [0, 1].map((i) => greyBytes(i)) })));
    assert.deepEqual([dicom.decoder, dicom.coding, dicom.frames], ['dicom', 'Explicit VR Little Endian', 2]);
    const [second, first] = await dicom.read([1, 0]);
    assert.deepEqual(
      [second!.data, first!.data].map((data) => Buffer.from(data)),
      [greyBytes(1), greyBytes(0)],
    );
  });

  it('masks and crops, unless asked not to; the spacing follows', async () => {
    const size = { height: 160, width: 200 };
    const region = [40, 30, 160, 150, 0.05] as const;
    const path = written('screen.dcm', dicomFile({ frames: shots, ...size, region, frameTime: '20' }));
    const clip = await openClip(path);
    assert.deepEqual([clip.preparation, clip.fps, clip.height, clip.width], ['sector', 50, 160, 200]);
    const [frame] = await clip.read([3]);
    assert.deepEqual([frame!.height, frame!.width], [112, 112]);
    // The disc of 100 pixels of 0.5 mm, within a pixel to either side, on 112.
    assert.ok(Math.abs(clip.spacing![0] - (0.5 * 100) / 112) < 0.02, String(clip.spacing));
    const whole = await openClip(path, { unmasked: true });
    assert.deepEqual([whole.preparation, whole.spacing], ['whole', [0.5, 0.5]]);
    assert.deepEqual(Buffer.from((await whole.read([3]))[0]!.data), shots[3]);
  });

  it('reads other codecs with ffmpeg, counting frames and rate', { skip: ffmpeg.skip }, async () => {
    const mp4 = join(root, 'h264.mp4');
    makeVideo(ffmpeg.program, mp4, 24, '-c:v', 'mpeg4', '-q:v', '2');
    const named = join(root, 'h264.avi');
    copyFileSync(mp4, named);
    for (const path of [mp4, named]) {
      const clip = await openClip(path);
      assert.deepEqual([clip.decoder, clip.frames, Math.round(clip.fps)], ['ffmpeg', 24, 30]);
      const [last, first] = await clip.read([23, 0]);
      assert.ok(maxAbsDifference(last!.data, first!.data) > 50);
    }
  });

  it('refuses by kind what is no clip', async () => {
    const refused: [string, RegExp][] = [
      [
        written('list.avi', '#EXTM3U\nhttp://example.org/x.ts\n'),
        /list\.avi: expected a video file .*, got a play list/,
      ],
      [written('empty.mp4', ''), /got an empty file/],
      [written('ct.dcm', dicomFile({ frames: [greyBytes(0)], modality: 'CT' })), /Modality: expected US .*, got CT/],
      [join(root, 'missing.dcm'), /missing\.dcm: expected a file that can be read, got ENOENT/],
      [join(root, 'folder'), /got a folder or device/],
    ];
    mkdirSync(join(root, 'folder'));
    for (const [path, message] of refused) {
      await assert.rejects(openClip(path), (error) => error instanceof BadInput && message.test(error.message), path);
    }
    const clip = await openClip(written('short.avi', aviFile(images)));
    await assert.rejects(clip.read([6]), /expected a frame from 0 to 5, got 6/);
  });
});
