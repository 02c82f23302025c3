import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { openEventLog } from 'gemma-3ncore/distill/event_log';
import type { StepRecord, ValidationRecord } from 'gemma-3ncore/distill/events';
import { projectPath } from 'gemma-3ncore/host/places';
import { useFolder } from '../support/folder.js';
import { testPython } from '../support/python.js';

type Scalars = Readonly<Record<string, readonly (readonly [step: number, value: number])[]>>;

const steps = 300;
const record = (step: number): StepRecord => ({
  ...{ step, stage: 'task', samples: 4, labelled: 2, feature: step < 2 ? null : 1 / (step + 1), task: 2, total: 3 },
  ...{ featureWeight: 0.5, taskWeight: 1, rate: 1e-3 * step, gradientNorm: 12.25 },
});
const validation = (step: number): ValidationRecord => {
  return { step, task: 0.75, mae: [30, 20, 10 - step / 100] } as unknown as ValidationRecord;
};

describe("distill/event_log read by TensorBoard's own reader", () => {
  const folder = useFolder();
  let scalars: Scalars;

  before(async () => {
    // Interrupted after 200 steps with the last checkpoint at 150, then resumed.
    for (const [begin, end] of [
      [0, 200],
      [150, steps],
    ] as const) {
      const log = await openEventLog(folder, 'distilled', begin);
      for (let step = begin; step < end; step++) {
        log.add({ kind: 'step', record: record(step), totalSteps: steps });
        if ((step + 1) % 50 === 0) log.add({ kind: 'validation', record: validation(step + 1) });
      }
      log.close();
    }
    const script = projectPath('test', 'python', 'read_events.py');
    const python = testPython('tensorboard');
    scalars = JSON.parse(
      execFileSync(python, [script, join(folder, 'tensorboard', 'distilled')], { encoding: 'utf8' }),
    ) as Scalars;
  });

  it('has every step once and in order', () => {
    for (const tag of ['loss/total', 'loss/task', 'weight/feature', 'weight/task', 'rate', 'gradient_norm']) {
      assert.deepEqual(
        scalars[tag]!.map(([step]) => step),
        Array.from({ length: steps }, (_, i) => i),
        tag,
      );
    }
    // Null has no scalar.
    assert.deepEqual(
      scalars['loss/feature']!.map(([step]) => step),
      Array.from({ length: steps - 2 }, (_, i) => i + 2),
    );
  });

  it('has the values as float32', () => {
    for (const [step, value] of scalars['loss/feature']!) assert.equal(value, Math.fround(1 / (step + 1)));
    for (const [step, value] of scalars['rate']!) assert.equal(value, Math.fround(1e-3 * step));
    assert.ok(scalars['gradient_norm']!.every(([, value]) => value === 12.25));
  });

  it('has the errors on VAL', () => {
    const at = [50, 100, 150, 200, 250, 300];
    assert.deepEqual(
      scalars['val/MAE_EF'],
      at.map((step) => [step, Math.fround(10 - step / 100)]),
    );
    assert.deepEqual(
      scalars['val/task'],
      at.map((step) => [step, 0.75]),
    );
  });
});
