import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FramePool } from 'gemma-3ncore/data/frame_pool';
import { hashedStudy, openFrameSource, type HashedStudy } from 'gemma-3ncore/data/frame_source';
import type { FramePair } from 'gemma-3ncore/data/frames';
import { BadInput } from 'gemma-3ncore/host/errors';
import { noiseStudies } from '../support/cohort.js';

const pairBytes = 2 * 64 * 64;

/** A pool that decodes from memory, what it was asked for, and the studies with their hashes. */
function poolOf(count: number) {
  const studies = noiseStudies(count);
  const framesOf = new Map<string, FramePair>(studies.map(({ study, frames }) => [study.id, frames]));
  const asked: string[] = [];
  const pool: FramePool = {
    threads: 0,
    extract(study) {
      asked.push(study.id);
      const frames = framesOf.get(study.id);
      if (frames === undefined) return Promise.resolve({ kind: 'unreadable', study, reason: 'gone' });
      return Promise.resolve({ kind: 'frames', study, frames });
    },
    close: () => Promise.resolve(),
  };
  const hashed: HashedStudy[] = studies.map(hashedStudy);
  return { pool, asked, hashed, framesOf };
}

describe('data/frame_source', () => {
  it('decodes a study once while there is room, and the least recently used again where there is not', async () => {
    const { pool, asked, hashed, framesOf } = poolOf(4);
    const source = openFrameSource(pool, 2 * pairBytes);
    const [a, b, c] = hashed as [HashedStudy, HashedStudy, HashedStudy];
    for (const study of [a, b, a, a, c, a, b]) {
      assert.deepEqual(await source.read(study), framesOf.get(study.study.id));
    }
    assert.deepEqual(
      asked,
      [a, b, c, b].map(({ study }) => study.id),
    );
  });

  it('has what was prefetched under way, once, and no more than it has room for', async () => {
    const { pool, asked, hashed } = poolOf(100);
    const source = openFrameSource(pool);
    source.prefetch(hashed.slice(0, 3));
    source.prefetch(hashed.slice(0, 3));
    assert.equal(asked.length, 3);
    await Promise.all(hashed.slice(0, 3).map((study) => source.read(study)));
    source.prefetch(hashed.slice(0, 3));
    assert.equal(asked.length, 3);
    source.prefetch(hashed.slice(3));
    assert.equal(asked.length, 3 + 64);
  });

  it('refuses frames that are others than they were, or are gone, when they are asked for', async () => {
    const { pool, hashed, framesOf } = poolOf(2);
    const source = openFrameSource(pool);
    const [a, b] = hashed as [HashedStudy, HashedStudy];
    framesOf.set(a.study.id, framesOf.get(b.study.id)!);
    framesOf.delete(b.study.id);
    source.prefetch([a, b]);
    const refused = (message: RegExp) => (error: unknown) => error instanceof BadInput && message.test(error.message);
    await assert.rejects(source.read(a), refused(/train-0: expected the frames it had when the run began, got others/));
    await assert.rejects(source.read(b), refused(/expected frames that decode as they did before, got gone/));
  });
});
