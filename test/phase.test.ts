import assert from 'node:assert/strict';
import { test } from 'node:test';
import { about, add, frame, startPhase, stoppable } from 'gemma-3ncore/phase';
import { table } from 'gemma-3ncore/report/table';
import { phantomStamp } from 'gemma-3ncore/report/wording';
import { useTemporaryFolder } from './support/folder.js';
import { useFakeKernel } from './jupyter/fake_kernel.js';

const folderFor = useTemporaryFolder();
const phaseIn = (name: string) => startPhase('reservoir', { folder: folderFor(name) });
useFakeKernel();

test('a step that runs again replaces what it left, what it leaves no more included', () => {
  const phase = phaseIn('again');
  const counts = (n: number) => table('counts', 'Counts', [{ n }]);
  add(phase, { tables: [counts(1), table('excluded', 'Left out', [{ study: 'a' }])] });
  add(phase, { tables: [table('other', 'Other', [{ x: 1 }])] });
  const { stamps } = add(phase, { tables: [counts(2)] });
  assert.deepEqual(stamps, [phantomStamp]);
  assert.deepEqual(frame(phase, 'counts').values, [[2]]);
  assert.deepEqual(frame(phase, 'other').values, [[1]]);
  assert.throws(
    () => frame(phase, 'excluded'),
    /^BadInput: frame\(phase, name\): expected one of other, counts, got excluded/,
  );
});

test('a phase says which run it works in', () => {
  const phase = phaseIn('about');
  const [shown] = about(phase).tables!;
  assert.deepEqual(shown!.rows[0], { what: 'run folder', value: phase.run.folder });
  assert.ok(shown!.rows.some(({ what, value }) => what === 'data set' && value === 'phantom'));
});

test('the stop button of a notebook aborts long work, and a signal of the caller is used as it is', async () => {
  const { signal } = new AbortController();
  assert.equal(await stoppable(signal, (given) => Promise.resolve(given)), signal);
  const before = process.listeners('SIGINT');
  const stopped = stoppable(undefined, async (own) => {
    await new Promise((resolve) => setImmediate(resolve));
    // Not by `emit`: the test runner listens too and would end the tests.
    for (const listener of process.listeners('SIGINT')) if (!before.includes(listener)) listener('SIGINT');
    own?.throwIfAborted();
  });
  await assert.rejects(stopped, /^Interrupted: stopped; run this cell again to go on$/);
  assert.deepEqual(process.listeners('SIGINT'), before);
});
