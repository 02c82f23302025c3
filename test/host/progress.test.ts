import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setProgressSink, startProgress, type ProgressState } from 'gemma-3ncore/host/progress';

test('what was done before a resumed work began counts as done and says nothing of its pace', async () => {
  const states: ProgressState[] = [];
  const restore = setProgressSink((state) => states.push(state), 0);
  const progress = startProgress('training', 1000);
  progress.skip(900, 'resumed');
  await new Promise((resolve) => setTimeout(resolve, 20));
  progress.advance(10);
  progress.end();
  restore();
  const { done, rate, secondsLeft } = states[0]!;
  assert.equal(done, 910);
  // Ten units took at least these 20 ms (timers may be 1 ms early).
  assert.ok(rate > 0 && rate < 10 / 0.019, String(rate));
  assert.ok(Math.abs(secondsLeft - 90 / rate) < 1e-9);
});
