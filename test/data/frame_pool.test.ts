import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { extractEach } from 'gemma-3ncore/data/extract_each';
import { openFramePool, threadsByProcessors, type FramePool } from 'gemma-3ncore/data/frame_pool';
import type { Study } from 'gemma-3ncore/data/study';
import { encodeNiftiGz } from 'gemma-3ncore/files/nifti_write';
import { Interrupted } from 'gemma-3ncore/host/errors';
import { projectPath } from 'gemma-3ncore/host/places';
import { aviFile, jpegImage } from '../support/avi.js';
import { dicomFile, greyBytes } from '../support/dicom.js';
import { ffmpegOrSkip, makeVideo, withProgram } from '../support/ffmpeg.js';
import { useTemporaryFolder } from '../support/folder.js';

const folder = useTemporaryFolder()('pool');
const at = (name: string): string => join(folder, name);

function studyOf(id: string, video: Study['video'], edFrame: number, esFrame: number): Study {
  const labels = { EDV: 100, ESV: 40, EF: 60, fps: 50, numberOfFrames: 12 };
  return { id, patient: id, view: '4CH', split: 'TRAIN', video, edFrame, esFrame, ...labels };
}

/** Studies of every kind of file, two of which cannot be decoded. */
function studies(): Study[] {
  const clip = (i: number): Study => studyOf(`clip${i}`, at('clip.avi'), i, (i + 3) % 12);
  const sequence = (frame: number) => ({ path: at('sequence.nii.gz'), frame });
  return [
    ...[0, 1, 2, 3, 4, 5, 6, 7].map(clip),
    studyOf('broken', at('broken.avi'), 0, 1),
    studyOf('one frame twice', at('clip.avi'), 5, 5),
    studyOf('nifti', { ED: sequence(0), ES: sequence(1) }, 0, 1),
    studyOf('dicom', { clip: at('clip.dcm') }, 0, 2),
    studyOf('absent', at('absent.avi'), 0, 1),
    ...[8, 9, 10, 11].map(clip),
  ];
}

async function extractAll(pool: FramePool, wanted = studies()): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const extraction of extractEach(pool, wanted)) found.push(extraction);
  await pool.close();
  return found;
}

describe('data/frame_pool', async () => {
  const { program, skip } = await ffmpegOrSkip();

  before(() => {
    writeFileSync(at('clip.avi'), aviFile(Array.from({ length: 12 }, (_, i) => jpegImage(i))));
    writeFileSync(at('broken.avi'), aviFile([Buffer.from('no image'), jpegImage(1)]));
    writeFileSync(at('clip.dcm'), dicomFile({ frames: [0, 1, 2].map((i) => greyBytes(i)) }));
    const values = Uint8Array.from({ length: 2 * 16 * 16 }, (_, i) => i % 251);
    writeFileSync(at('sequence.nii.gz'), encodeNiftiGz({ shape: [16, 16, 2], spacing: [1, 1], values }));
  });

  it('gives the same frames and verdicts in the same order, whatever the number of threads', async () => {
    const here = await extractAll(openFramePool(0));
    const kinds = here.map((extraction) => (extraction as { kind: string }).kind);
    assert.deepEqual(
      studies().flatMap(({ id }, i) => (kinds[i] === 'unreadable' ? [id] : [])),
      ['broken', 'absent'],
    );
    for (const threads of [1, 3]) assert.deepEqual(await extractAll(openFramePool(threads)), here);
  });

  it('decodes other codecs with ffmpeg in its threads too', { skip }, async () => {
    makeVideo(program, at('other.avi'), 12, '-c:v', 'ffv1', '-pix_fmt', 'gray');
    const wanted = [0, 1, 2].map((i) => studyOf(`other${i}`, at('other.avi'), 2 * i, 11 - i));
    assert.deepEqual(await extractAll(openFramePool(2), wanted), await extractAll(openFramePool(0), wanted));
  });

  it('holds no more than the frames themselves', async () => {
    for (const threads of [0, 1]) {
      const pool = openFramePool(threads);
      for (const study of studies()) {
        const extraction = await pool.extract(study);
        assert.equal(extraction.study, study);
        if (extraction.kind === 'unreadable') continue;
        for (const { data } of [extraction.frames.ED, extraction.frames.ES]) {
          assert.equal(data.buffer.byteLength, 256, `${study.id} with ${threads} threads`);
        }
      }
      await pool.close();
    }
  });

  it('decodes only a few studies before they are asked for', async () => {
    let asked = 0;
    const counting: FramePool = {
      threads: 2,
      extract: (study) => Promise.resolve({ kind: 'unreadable', study, reason: String(asked++) }),
      close: () => Promise.resolve(),
    };
    const walk = extractEach(counting, Array<Study>(1000).fill(studies()[0]!));
    for (let i = 0; i < 20; i++) await walk.next();
    assert.equal(asked, 20 + 8);
    await walk.return(undefined);
  });

  it('stops when it is closed, and when the walk is interrupted', async () => {
    for (const threads of [1, 2]) {
      const pool = openFramePool(threads);
      const waiting = Array.from({ length: 200 }, () => pool.extract(studies()[0]!));
      const settled = Promise.allSettled(waiting);
      await waiting[0];
      await pool.close();
      const reasons = (await settled).flatMap((outcome) =>
        outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
      );
      assert.ok(reasons.length > 0 && reasons.every((reason) => reason instanceof Interrupted));
      await assert.rejects(pool.extract(studies()[0]!), Interrupted);
    }
    const pool = openFramePool(2);
    const controller = new AbortController();
    const walk = async (): Promise<void> => {
      for await (const { kind } of extractEach(pool, Array<Study>(50).fill(studies()[0]!), controller.signal)) {
        assert.equal(kind, 'frames');
        controller.abort(new Error('enough'));
      }
    };
    await assert.rejects(walk(), /enough/);
    await pool.close();
  });

  it('sees a signal while it decodes without threads', async () => {
    const controller = new AbortController();
    const pool = openFramePool(0, controller.signal);
    setTimeout(() => controller.abort(), 50);
    let seen = 0;
    const walk = async (): Promise<void> => {
      for await (const { kind } of extractEach(pool, Array<Study>(100_000).fill(studies()[0]!))) {
        assert.equal(kind, 'frames');
        seen += 1;
      }
    };
    await assert.rejects(walk(), Interrupted);
    assert.ok(seen > 0);
  });

  it('runs one ffmpeg a thread, and none once a signal is aborted', { timeout: 30_000 }, async () => {
    writeFileSync(at('codec.avi'), aviFile([Buffer.from('x'), Buffer.from('y')], { codec: 'FFV1' }));
    const codec = studyOf('codec', at('codec.avi'), 0, 1);
    const [running, overlap] = [at('running'), at('overlap')];
    const program = `mkdir '${running}' || touch '${overlap}'; sleep 0.05; rmdir '${running}'; exit 1`;
    await withProgram(at('one.sh'), program, async () => {
      for (const threads of [0, 1]) {
        const found = await extractAll(openFramePool(threads), Array<Study>(6).fill(codec));
        assert.equal(found.length, 6);
        assert.ok(!existsSync(overlap), `${threads} threads`);
      }
    });
    await withProgram(at('hangs.sh'), 'exec sleep 60', async () => {
      for (const threads of [0, 2]) {
        const controller = new AbortController();
        const pool = openFramePool(threads, controller.signal);
        setTimeout(() => controller.abort(), 300);
        const begun = performance.now();
        const walk = extractEach(pool, [codec, codec, codec]);
        await assert.rejects(walk.next(), Interrupted);
        assert.ok(performance.now() - begun < 10_000);
        await pool.close();
      }
    });
  });

  it('holds no process that has nothing else to do, used or not, closed or not', { timeout: 60_000 }, () => {
    const script = `import('gemma-3ncore/data/frame_pool').then(async ({ openFramePool }) => {
      openFramePool(2);
      const { kind } = await openFramePool(2).extract(${JSON.stringify(studies()[0])});
      process.stdout.write(kind);
    })`;
    const options = { cwd: projectPath(), encoding: 'utf8', timeout: 30_000 } as const;
    const { status, stdout } = spawnSync(process.execPath, ['-e', script], options);
    assert.deepEqual([status, stdout], [0, 'frames']);
  });

  it('tells of a bug with its stack', async () => {
    const pool = openFramePool(1);
    const nonsense = { id: 'x', edFrame: 0, esFrame: 0 } as unknown as Study;
    await assert.rejects(pool.extract(nonsense), /in a thread that decodes frames: TypeError.*\n.*frames\.js/s);
    assert.equal((await pool.extract(studies()[0]!)).kind, 'frames');
    await pool.close();
  });

  it('takes a thread for each processor but leaves a lone one alone', () => {
    assert.deepEqual([1, 2, 3, 64].map(threadsByProcessors), [0, 2, 3, 4]);
  });
});
