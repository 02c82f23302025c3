import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkVideo, type VideoFolder } from 'gemma-3ncore/data/video_check';
import { aviFile } from '../support/avi.js';
import { useTemporaryFolder } from '../support/folder.js';

const folder = useTemporaryFolder()('Videos');
const videos: VideoFolder = { folder, allowed: [folder], hasFfmpeg: true };
const reasonsOf = (name: string, hasFfmpeg = true): readonly string[] => {
  const check = checkVideo(name, [0], { ...videos, hasFfmpeg });
  return check.kind === 'none' ? check.reasons : [];
};

describe('data/video_check', () => {
  it('wants ffmpeg for codecs that it alone decodes', () => {
    writeFileSync(join(folder, 'h264.avi'), aviFile([Buffer.from('frame')], { codec: 'h264', fps: 25 }));
    const path = join(folder, 'h264.avi');
    assert.deepEqual(checkVideo('h264.avi', [0], videos), { kind: 'video', path, frames: 1, fps: 25 });
    assert.match(reasonsOf('h264.avi', false).join(), /^codec needs ffmpeg: "H264"/);
  });

  it('says what is in the way of a file', () => {
    mkdirSync(join(folder, 'folder.avi'));
    assert.deepEqual(reasonsOf('folder.avi'), ['video is no file: Videos/folder.avi']);
    assert.match(reasonsOf(`${'x'.repeat(300)}.avi`).join(), /^video cannot be opened: .*ENAMETOOLONG/);
    assert.deepEqual(reasonsOf('absent.avi'), ['video is missing: Videos/absent.avi']);
  });
});
