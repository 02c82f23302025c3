import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeFrames, probeVideo } from 'gemma-3ncore/files/ffmpeg';
import { BadInput } from 'gemma-3ncore/host/errors';
import { aviFile } from '../support/avi.js';
import { ffmpegOrSkip, makeVideo, withProgram } from '../support/ffmpeg.js';
import { useTemporaryFolder } from '../support/folder.js';

const folder = useTemporaryFolder()('ffmpeg');

const refused =
  (message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof BadInput && message.test(error.message), String(error));
    return true;
  };

const withScript = (script: string, work: () => Promise<void>): Promise<void> =>
  withProgram(join(folder, 'program.sh'), script, work);

describe('files/ffmpeg', async () => {
  const { program, skip } = await ffmpegOrSkip();

  it('follows no play list and no address, whatever the file is called', { skip, timeout: 60_000 }, async () => {
    let visits = 0;
    const server = createServer((_, response) => {
      visits += 1;
      response.end();
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/clip.avi`;
    const secret = join(folder, 'secret.avi');
    makeVideo(program, secret, 5, '-c:v', 'ffv1');
    const lists = {
      m3u8: `#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n${address}\n`,
      'm3u8 of a file': `#EXTM3U\n#EXTINF:5,\nfile://${secret}\n`,
      concat: `ffconcat version 1.0\nfile '${secret}'\n`,
      pls: `[playlist]\nFile1=${address}\n`,
      sdp: `v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n`,
      dash: `<?xml version="1.0"?><MPD><BaseURL>${address}</BaseURL></MPD>`,
      address,
      'a list after the mark of an AVI file': `RIFF\x10\0\0\0AVI #EXTM3U\n#EXTINF:5,\n${address}\n`,
    };
    for (const [kind, text] of Object.entries(lists)) {
      for (const suffix of ['avi', 'mp4']) {
        const path = join(folder, `list.${suffix}`);
        writeFileSync(path, text, 'latin1');
        await assert.rejects(decodeFrames(path, [0]), refused(/^list\.(avi|mp4): expected a video/), kind);
        await assert.rejects(probeVideo(path), BadInput, kind);
      }
    }
    await new Promise((closed) => server.close(closed));
    assert.equal(visits, 0);
  });

  it('is told the demuxer, and that no protocol but that of files is allowed', async () => {
    const clip = join(folder, 'clip.avi');
    writeFileSync(clip, aviFile([Buffer.from('x')], { codec: 'FFV1' }));
    const told = join(folder, 'told');
    await withScript(`echo "$@" > '${told}'`, async () => {
      await assert.rejects(decodeFrames(clip, [0]), refused(/expected frames 0, got 0 of them from ffmpeg/));
    });
    assert.match(
      readFileSync(told, 'utf8'),
      /-nostdin .*-max_alloc \d+ -protocol_whitelist file,pipe -max_pixels \d+ -threads 1 -f avi -i file:\//,
    );
  });

  it('is killed when it takes too long, writes without end or is no longer wanted', { timeout: 60_000 }, async () => {
    const clip = join(folder, 'endless.avi');
    writeFileSync(clip, aviFile([Buffer.from('x')], { codec: 'FFV1' }));
    const survived = join(folder, 'survived');
    await withScript(`sleep 1; touch '${survived}'`, async () => {
      await assert.rejects(
        decodeFrames(clip, [0], { timeLimitMs: 300 }),
        refused(/endless\.avi: expected ffmpeg to be done in 0\.3 s, got a longer time; convert it/),
      );
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error('enough')), 200);
      await assert.rejects(decodeFrames(clip, [0], { signal: controller.signal }), /enough/);
    });
    await withScript('exec cat /dev/zero', async () => {
      const before = process.resourceUsage().maxRSS;
      await assert.rejects(decodeFrames(clip, [0]), refused(/expected a video that ffmpeg decodes/));
      // One frame may take 10 MB; what is read of the pipe is kept twice at most.
      assert.ok((process.resourceUsage().maxRSS - before) / 1024 < 150);
    });
    await withScript('exec yes', async () => {
      const before = process.resourceUsage().maxRSS;
      const frames = Array.from({ length: 1000 }, (_, i) => i);
      await assert.rejects(decodeFrames(clip, frames), refused(/expected a video that ffmpeg decodes/));
      // However many frames are asked for, 256 MB are the most.
      assert.ok((process.resourceUsage().maxRSS - before) / 1024 < 600);
    });
    await new Promise((later) => setTimeout(later, 1200));
    assert.ok(!existsSync(survived));
  });

  it('may be a program that writes something else, or half an image', async () => {
    const clip = join(folder, 'odd.avi');
    writeFileSync(clip, aviFile([Buffer.from('x')], { codec: 'FFV1' }));
    for (const written of ['hello', 'P5 4 4 255\\n1234', 'P5 2 2 255\\n1234P5 2 2 255\\n1']) {
      await withScript(`printf '${written}'`, async () => {
        await assert.rejects(decodeFrames(clip, [0, 1]), refused(/expected frames 0, 1, got [01] of them from ffmpeg/));
      });
    }
  });

  it('decodes no picture beyond ten megapixels', { skip, timeout: 60_000 }, async () => {
    const path = join(folder, 'large.avi');
    makeVideo(program, path, 1, '-vf', 'scale=6000:2000', '-c:v', 'png', '-pix_fmt', 'gray');
    await assert.rejects(decodeFrames(path, [0]), refused(/large\.avi: expected .*, got/));
    // A header alone that claims more than any memory.
    writeFileSync(path, aviFile([Buffer.alloc(100)], { codec: 'I420', width: 60_000, height: 60_000 }));
    await assert.rejects(decodeFrames(path, [0]), refused(/large\.avi: expected .*, got/));
  });
});
