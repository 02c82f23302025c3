import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import {
  latestCheckpoint,
  newTimestampFolder,
  pruneCheckpoints,
  writeCheckpoint,
} from 'gemma-3ncore/distill/checkpoint';
import { removeUnfinished } from 'gemma-3ncore/files/atomic_folder';
import { useFolder } from '../support/folder.js';

describe('distill/checkpoint', () => {
  const root = useFolder();
  const state = { step: 1, history: [], validations: [], best: undefined };

  it('names folders so that a later one sorts after all earlier ones, whatever the clock says', () => {
    const parent = join(root, 'names');
    const names: string[] = [];
    for (const now of [Date.UTC(2026, 0, 31, 23, 59, 59), Date.UTC(2026, 0, 31, 23, 59, 59), Date.UTC(2025, 0, 1)]) {
      const folder = newTimestampFolder(parent, now);
      mkdirSync(folder, { recursive: true });
      names.push(basename(folder));
    }
    assert.deepEqual(names, ['20260131T235959Z', '20260201T000000Z', '20260201T000001Z']);
  });

  it('leaves nothing behind when a checkpoint cannot be completed, and finds the last whole one', async () => {
    const parent = join(root, 'failing');
    const whole = await writeCheckpoint(parent, new Map(), state, 'f');
    const fail = (): never => {
      throw new Error('disk');
    };
    await assert.rejects(writeCheckpoint(parent, new Map(), state, 'f', fail), /disk/);
    assert.deepEqual(readdirSync(parent), [basename(whole)]);
    mkdirSync(join(parent, '29991231T235959Z'));
    mkdirSync(join(parent, '.20300101T000000Z.1.tmp'));
    assert.equal(latestCheckpoint(parent), whole);
    await removeUnfinished(parent);
    assert.ok(!readdirSync(parent).some((name) => name.endsWith('.tmp')));
  });

  it('keeps the newest, the best and full models', async () => {
    const parent = join(root, 'pruned');
    const values = new Map<string, Float32Array>();
    const best = { step: 2, value: 0.5, values };
    const folders: string[] = [];
    for (let step = 1; step <= 6; step++) {
      const found = { ...state, step, best: step < 2 ? { step: 1, value: 0.9, values } : best };
      folders.push(basename(await writeCheckpoint(parent, new Map(), found, 'f')));
    }
    const full = basename(newTimestampFolder(parent));
    mkdirSync(join(parent, full));
    await pruneCheckpoints(parent, 2, best);
    assert.deepEqual(readdirSync(parent), [folders[1], folders[4], folders[5], full]);
    // Another run's checkpoint of the same step is not the best of this one.
    await pruneCheckpoints(parent, 1, { ...best, value: 0.4 });
    assert.deepEqual(readdirSync(parent), [folders[5], full]);
    await pruneCheckpoints(parent, 1, undefined);
    assert.deepEqual(readdirSync(parent), [folders[5], full]);
  });

  it('says that the disk is full, whichever file it was, and keeps what there is', async () => {
    const parent = join(root, 'full');
    const whole = await writeCheckpoint(parent, new Map(), state, 'f');
    for (const code of ['ENOSPC', 'EDQUOT', 'EFBIG']) {
      const fail = (): never => {
        throw new Error('adapter_model.safetensors', { cause: Object.assign(new Error(code), { code }) });
      };
      await assert.rejects(writeCheckpoint(parent, new Map(), state, 'f', fail), {
        name: 'BadInput',
        message: /^the checkpoint .*: expected room to write it, got a full disk .*; free some space and go on/,
      });
    }
    assert.deepEqual(readdirSync(parent), [basename(whole)]);
  });
});
