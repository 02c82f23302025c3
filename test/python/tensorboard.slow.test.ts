import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openEventLog } from 'gemma-3ncore/distill/event_log';
import type { StepRecord, ValidationRecord } from 'gemma-3ncore/distill/events';
import { projectPath } from 'gemma-3ncore/host/places';
import { useFolder } from '../support/folder.js';
import { pythonOrSkip, testPython } from '../support/python.js';

type Scalars = Readonly<Record<string, readonly (readonly [step: number, value: number])[]>>;

const steps = 300;
const record = (step: number): StepRecord => ({
  ...{ step, stage: 'task', samples: 4, labelled: 2, feature: step < 2 ? null : 1 / (step + 1), task: 2, total: 3 },
  ...{ featureWeight: 0.5, taskWeight: 1, rate: 1e-3 * step, gradientNorm: 12.25 },
});
const validation = (step: number): ValidationRecord => {
  return { step, task: 0.75, mae: [30, 20, 10 - step / 100] } as unknown as ValidationRecord;
};

/** Logs some steps of a run that has `begin` behind it. */
async function logSteps(folder: string, begin: number, end: number): Promise<void> {
  const log = await openEventLog(folder, 'distilled', begin);
  for (let step = begin; step < end; step++) {
    log.add({ kind: 'step', record: record(step), totalSteps: steps });
    if ((step + 1) % 50 === 0) log.add({ kind: 'validation', record: validation(step + 1) });
  }
  log.close();
}

function assertScalars(scalars: Scalars, tag: string, at: readonly number[], value: (step: number) => number): void {
  assert.deepEqual(
    scalars[tag],
    at.map((step) => [step, Math.fround(value(step))]),
    tag,
  );
}

describe("what TensorBoard's own reader makes of the event files written here", () => {
  const folder = useFolder();

  it('is every step once, in order and as float32, also after a resume', async (context: TestContext) => {
    const python = pythonOrSkip(context, () => testPython('requirements-tensorboard'));
    if (python === undefined) return;
    // Killed after 200 steps, when the last checkpoint stood at 150.
    await logSteps(folder, 0, 200);
    await logSteps(folder, 150, steps);
    const script = projectPath('test', 'python', 'read_events.py');
    const text = execFileSync(python, [script, join(folder, 'tensorboard', 'distilled')], { encoding: 'utf8' });
    const scalars = JSON.parse(text) as Scalars;

    const all = Array.from({ length: steps }, (_, i) => i);
    assertScalars(scalars, 'loss/total', all, () => 3);
    assertScalars(scalars, 'loss/task', all, () => 2);
    // Null has no scalar.
    assertScalars(scalars, 'loss/feature', all.slice(2), (step) => 1 / (step + 1));
    assertScalars(scalars, 'weight/feature', all, () => 0.5);
    assertScalars(scalars, 'weight/task', all, () => 1);
    assertScalars(scalars, 'rate', all, (step) => 1e-3 * step);
    assertScalars(scalars, 'gradient_norm', all, () => 12.25);
    const validated = [50, 100, 150, 200, 250, 300];
    assertScalars(scalars, 'val/task', validated, () => 0.75);
    assertScalars(scalars, 'val/MAE_EDV', validated, () => 30);
    assertScalars(scalars, 'val/MAE_ESV', validated, () => 20);
    assertScalars(scalars, 'val/MAE_EF', validated, (step) => 10 - step / 100);
    assert.equal(Object.keys(scalars).length, 11);
  });
});
