import assert from 'node:assert/strict';
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openEventLog } from 'gemma-3ncore/distill/event_log';
import type { StepRecord, TrainEvent, ValidationRecord } from 'gemma-3ncore/distill/events';
import { useTemporaryFolder } from '../support/folder.js';

const folderFor = useTemporaryFolder();

function step(number: number): TrainEvent {
  const record = { step: number, task: number === 0 ? null : 2, total: 1 / 3, rate: 0.1 } as StepRecord;
  return { kind: 'step', record, totalSteps: 9 };
}
function validation(steps: number): TrainEvent {
  return { kind: 'validation', record: { step: steps, task: 0.5, mae: [3, 2, 1] } as unknown as ValidationRecord };
}
const checkpoint = (steps: number): TrainEvent => ({ kind: 'checkpoint', step: steps, folder: `/x/c${steps}` });

interface Line {
  readonly model: string;
  readonly kind: string;
  readonly step: number;
}

function linesOf(folder: string): Line[] {
  const text = readFileSync(join(folder, 'metrics.jsonl'), 'utf8');
  assert.ok(text === '' || text.endsWith('\n'));
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
}

const shortOf = (folder: string): string[] =>
  linesOf(folder).map(({ model, kind, step: s }) => `${model} ${kind} ${s}`);

async function log(folder: string, model: string, done: number, events: readonly TrainEvent[]): Promise<void> {
  const opened = await openEventLog(folder, model, done);
  for (const event of events) opened.add(event);
  opened.close();
}

describe('distill/event_log', () => {
  it('writes every event as a line at once', async () => {
    const folder = folderFor('lines');
    const opened = await openEventLog(folder, 'distilled', 0);
    opened.add(step(0));
    assert.deepEqual(shortOf(folder), ['distilled step 0']);
    opened.add(checkpoint(1));
    opened.close();
    const { time, ...first } = linesOf(folder)[0] as Line & { time: string };
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
    assert.deepEqual(first, { model: 'distilled', kind: 'step', step: 0, task: null, total: 1 / 3, rate: 0.1 });
    assert.ok(!readFileSync(join(folder, 'metrics.jsonl'), 'utf8').includes('/x/'));
  });

  it('goes back to the checkpoint when a run is resumed, other models and a cut line aside', async () => {
    const folder = folderFor('resumed');
    await log(folder, 'distilled', 0, [step(0), step(1), checkpoint(2)]);
    await log(folder, 'baseline', 0, [step(0), step(1), validation(2), checkpoint(2), step(2), validation(3)]);
    appendFileSync(join(folder, 'metrics.jsonl'), '{"time":"2026-01-01T00:00:00Z","model":"base');
    await log(folder, 'baseline', 2, [{ kind: 'resumed', step: 2, folder: '/x/c2' }, step(2), validation(3)]);
    const distilled = ['distilled step 0', 'distilled step 1', 'distilled checkpoint 2'];
    assert.deepEqual(shortOf(folder), [
      ...distilled,
      ...['baseline step 0', 'baseline step 1', 'baseline validation 2', 'baseline checkpoint 2'],
      ...['baseline resumed 2', 'baseline step 2', 'baseline validation 3'],
    ]);
    await log(folder, 'baseline', 0, [step(0)]);
    assert.deepEqual(shortOf(folder), [...distilled, 'baseline step 0']);
    for (const model of ['distilled', 'baseline']) {
      assert.match(readdirSync(join(folder, 'tensorboard', model)).join(), /^events\.out\.tfevents\.\d{10}\.3ncore$/);
    }
  });
});
