import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openAvi, type Avi } from 'gemma-3ncore/files/avi';
import { BadInput } from 'gemma-3ncore/host/errors';
import { aviFile, chunk, list, type AviOptions } from '../support/avi.js';
import { useTemporaryFolder } from '../support/folder.js';

const folder = useTemporaryFolder()('avi');
let count = 0;

function open(bytes: Buffer): Avi {
  const path = join(folder, `${count++}.avi`);
  writeFileSync(path, bytes);
  return openAvi(path);
}

/** Frames of odd and even length that tell which is which. */
const frames = ['first', 'second', 'third one', 'the fourth'].map((text) => Buffer.from(text));
const contents = (avi: Avi): string[] => Array.from({ length: avi.frames }, (_, i) => avi.readFrame(i).toString());

describe('files/avi', () => {
  it('reads the header and every frame, whatever the index looks like', () => {
    const layouts: AviOptions[] = [
      {},
      { index: 'file' },
      { index: 'none' },
      { records: true },
      { records: true, index: 'none' },
      { withSound: true },
      { withSound: true, index: 'none' },
      { riffSize: 0 },
      { riffSize: 0xffffffff, index: 'none' },
      { claimedFrames: 1000 },
    ];
    for (const layout of layouts) {
      const avi = open(aviFile(frames, { width: 112, height: 96, fps: 47, ...layout }));
      assert.deepEqual(contents(avi), frames.map(String), JSON.stringify(layout));
      assert.deepEqual([avi.frames, avi.width, avi.height, avi.fps, avi.codec], [4, 112, 96, 47, 'MJPG']);
      assert.ok(avi.isMotionJpeg);
    }
  });

  it('goes on into an OpenDML continuation', () => {
    const avi = open(aviFile(frames.slice(0, 2), { continuation: frames.slice(2) }));
    assert.deepEqual(contents(avi), frames.map(String));
  });

  it('repeats the former frame for a dropped one, and counts those that are stored', () => {
    const none = Buffer.alloc(0);
    const avi = open(aviFile([frames[0]!, none, none, frames[1]!]));
    assert.deepEqual(contents(avi), ['first', 'first', 'first', 'second']);
    assert.deepEqual([0, 1, 2, 3].map(avi.storedIndex), [0, 0, 0, 1]);
    const late = open(aviFile([none, frames[0]!]));
    assert.throws(() => late.readFrame(0), /a dropped frame 0 that nothing precedes/);
    assert.equal(late.readFrame(1).toString(), 'first');
  });

  it('walks the frames where the index is wrong', () => {
    const bytes = aviFile(frames);
    const at = bytes.lastIndexOf('idx1') + 8;
    for (const offset of [8, 12]) {
      const wrong = Buffer.from(bytes);
      wrong.writeUInt32LE(0x7ffffff0, at + offset);
      assert.deepEqual(contents(open(wrong)), frames.map(String));
    }
  });

  it('says of a frame beyond the end which there are', () => {
    const avi = open(aviFile(frames));
    for (const frame of [-1, 4, 1.5]) {
      assert.throws(() => avi.readFrame(frame), new RegExp(`expected a frame from 0 to 3, got frame ${frame}`));
    }
  });

  it('refuses what is no whole AVI file in one sentence', () => {
    const good = aviFile(frames);
    const noVideo = chunk('RIFF', Buffer.concat([Buffer.from('AVI '), list('hdrl'), list('movi')]));
    const refused: [Buffer, RegExp][] = [
      [Buffer.alloc(0), /got an empty file/],
      [Buffer.alloc(4096), /got zero bytes/],
      [Buffer.from('#EXTM3U\nhttp://example.org/a.avi\n'), /got a play list/],
      [Buffer.from('ffconcat version 1.0\nfile /etc/passwd\n'), /got a play list/],
      [Buffer.from('\0\0\0\x18ftypisom', 'latin1'), /got an MP4 file/],
      [chunk('RIFF', Buffer.from('WAVEfmt ')), /a RIFF file of type "WAVE"/],
      [Buffer.from('RIFF'), /a RIFF file/],
      [Buffer.from('\x1b[31mred', 'latin1'), /begin with "\\u\{1b\}\[31mred"/],
      [good.subarray(0, good.length - 40), /it was cut short/],
      [good.subarray(0, 20), /it was cut short/],
      [noVideo, /expected a video stream/],
      [aviFile([]), /expected frames of the video stream, got none/],
      [aviFile([Buffer.alloc(0), Buffer.alloc(0)]), /expected frames of the video stream, got none/],
    ];
    for (const [bytes, sentence] of refused) {
      assert.throws(
        () => open(bytes),
        (error) => error instanceof BadInput && sentence.test(error.message),
        String(sentence),
      );
    }
  });
});
