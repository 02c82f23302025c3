import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sha256File } from 'gemma-3ncore/files/hash';
import { ownMark } from 'gemma-3ncore/host/process_mark';
import { Interrupted } from 'gemma-3ncore/host/errors';
import { projectPath } from 'gemma-3ncore/host/places';
import { createRun, runPath, type Run } from 'gemma-3ncore/run_folder';
import { readRecord, recorded, recordNotebooks, standingOf, type RunRecord } from 'gemma-3ncore/run_record';
import { useFolder } from './support/folder.js';

const root = useFolder();

function newRun(name: string): Run {
  const run = createRun(join(root, name));
  writeFileSync(runPath(run, 'experiment.json'), '{}');
  return run;
}

const recordOf = (run: Run): RunRecord => JSON.parse(readFileSync(runPath(run, 'run.json'), 'utf8')) as RunRecord;

describe('run_record', () => {
  it('says running while the work is done, then done, with versions and the hashes of all files', async () => {
    const run = newRun('done');
    let during: RunRecord | undefined;
    await recorded(run, 5, async () => {
      during = recordOf(run);
      writeFileSync(runPath(run, 'predictions.csv'), 'study\n');
      return Promise.resolve();
    });
    assert.deepEqual([during?.status, during?.finished, during?.error], ['running', null, null]);
    assert.equal(during?.process.pid, process.pid);
    const { status, seed, command, versions, hashes, finished, created, error } = recordOf(run);
    assert.deepEqual([status, seed, error, command[0]], ['done', 5, null, '3ncore']);
    assert.ok(finished !== null && finished >= created);
    assert.equal(versions['node'], process.versions.node);
    assert.equal(versions['package-lock.json'], sha256File(projectPath('package-lock.json')));
    assert.deepEqual(Object.keys(hashes), ['experiment.json', 'predictions.csv']);
    for (const [name, hash] of Object.entries(hashes)) assert.equal(hash, sha256File(runPath(run, name)));
  });

  it('records what notebooks finished by themselves, also after a command was interrupted, and not what a command is at', async () => {
    const run = newRun('notebooks');
    await recordNotebooks(run, 3);
    const { status, command, hashes } = recordOf(run);
    assert.deepEqual([status, command, Object.keys(hashes)], ['done', ['notebooks'], ['experiment.json']]);
    const stopped = newRun('notebooks after all');
    await assert.rejects(recorded(stopped, 3, () => Promise.reject(new Interrupted())));
    await recordNotebooks(stopped, 3);
    assert.equal(recordOf(stopped).status, 'done');
    const commanded = newRun('commanded');
    await recorded(commanded, 3, async () => {
      await recordNotebooks(commanded, 3);
      assert.equal(recordOf(commanded).status, 'running');
    });
    assert.equal(recordOf(commanded).command[0], '3ncore');
  });

  for (const [status, error] of [
    ['failed', new RangeError('no such thing')],
    ['interrupted', new Interrupted('stopped by hand')],
  ] as const) {
    it(`says ${status} with the message and throws on`, async () => {
      const run = newRun(status);
      await assert.rejects(
        recorded(run, 0, () => Promise.reject(error)),
        error,
      );
      const record = recordOf(run);
      assert.deepEqual([record.status, record.error], [status, error.message]);
      assert.deepEqual(record.hashes, { 'experiment.json': sha256File(runPath(run, 'experiment.json')) });
    });
  }

  it('tells a run under way, which cannot be gone on with, from a killed one and one of another computer', () => {
    const run = newRun('standing');
    const path = runPath(run, 'run.json');
    assert.equal(standingOf(run), undefined);
    const write = (status: string, process?: object): void => writeFileSync(path, JSON.stringify({ status, process }));
    write('running', ownMark());
    assert.equal(readRecord(path).status, 'running');
    assert.throws(() => standingOf(run), /standing: expected a run that has ended, got one under way; wait for it/);
    write('running', { ...ownMark(), boot: 'before' });
    assert.equal(standingOf(run), 'killed');
    write('done', { ...ownMark(), boot: 'before' });
    assert.equal(standingOf(run), 'done');
    write('running', { ...ownMark(), host: 'another' });
    assert.deepEqual([standingOf(run), readRecord(path).process], ['running', 'elsewhere']);
    write('running');
    assert.deepEqual([standingOf(run), readRecord(path).process], ['running', 'unknown']);
  });
});
