import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { latestCheckpoint, newTimestampFolder, writeCheckpoint } from 'gemma-3ncore/distill/checkpoint';
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
});
