import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { BadInput } from 'gemma-3ncore/host/errors';
import { createRun, hashFiles, isBegun, moveLatest, openRun } from 'gemma-3ncore/run_folder';
import { useFolder } from './support/folder.js';

const root = useFolder();

const isBadInput =
  (says: RegExp) =>
  (error: unknown): boolean =>
    error instanceof BadInput && says.test(error.message);

describe('run_folder', () => {
  it('makes a new folder or takes an empty one', () => {
    const out = join(root, 'new', 'below');
    assert.deepEqual(createRun(out), { folder: out });
    assert.deepEqual(createRun(out), { folder: out });
    assert.ok(existsSync(out));
  });

  it('refuses a folder with files in it and leaves it alone', () => {
    const out = join(root, 'full');
    mkdirSync(out);
    writeFileSync(join(out, 'mine.txt'), 'mine');
    assert.throws(
      () => createRun(out),
      isBadInput(/full: expected a new or empty folder, got one with files in it; give/),
    );
    assert.deepEqual(readdirSync(out), ['mine.txt']);
  });

  it('takes a folder in which a kill left nothing but a part of the configuration', () => {
    const out = join(root, 'killed at once');
    mkdirSync(out);
    writeFileSync(join(out, 'experiment.json.0123.tmp'), '{');
    assert.ok(!isBegun(out) && !isBegun(join(root, 'absent')));
    assert.deepEqual(createRun(out), { folder: out });
    assert.deepEqual(readdirSync(out), []);
    writeFileSync(join(out, 'experiment.json'), '{}');
    assert.ok(isBegun(out));
  });

  it('refuses what can be no folder', () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    for (const out of [file, join(file, 'below'), '/proc/no-folder-here/below']) {
      assert.throws(
        () => createRun(out),
        isBadInput(/expected a folder that can be written, got .*; give another --out\.$/),
      );
    }
  });

  it('opens only a folder with a configuration', () => {
    const out = join(root, 'opened');
    createRun(out);
    assert.throws(() => openRun(out), isBadInput(/expected a run folder with experiment\.json, got none/));
    writeFileSync(join(out, 'experiment.json'), '{}');
    assert.deepEqual(openRun(out), { folder: out });
  });

  it('moves latest to a run in the folder of runs alone', () => {
    const runs = join(root, 'runs');
    const [first, second] = [createRun(join(runs, 'a')), createRun(join(runs, 'b'))];
    const latest = join(runs, 'latest');
    moveLatest(createRun(join(root, 'elsewhere')), runs);
    assert.ok(!existsSync(latest));
    for (const run of [first, second]) {
      moveLatest(run, runs);
      assert.equal(join(runs, readlinkSync(latest)), run.folder);
    }
    assert.deepEqual(readdirSync(runs).sort(), ['a', 'b', 'latest']);
  });

  it('hashes every file but run.json, by its path', () => {
    const run = createRun(join(root, 'hashed'));
    mkdirSync(join(run.folder, 'sub'));
    writeFileSync(join(run.folder, 'run.json'), '{}');
    writeFileSync(join(run.folder, 'studies.csv'), 'abc');
    writeFileSync(join(run.folder, 'sub', 'x'), '');
    const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
    assert.deepEqual(hashFiles(run), { 'studies.csv': sha256('abc'), [join('sub', 'x')]: sha256('') });
  });
});
