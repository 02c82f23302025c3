import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { projectPath } from 'gemma-3ncore/host/places';
import { verify } from 'gemma-3ncore/verify';
import { writeAdapterCases } from '../support/adapter_cases.js';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { pythonOrSkip } from '../support/python.js';

/** float32 on both sides, sums in other orders, weighed by the largest output. */
const tolerance = 1e-4;

describe('adapters between here and PEFT', () => {
  useEngine();
  const root = useFolder();

  async function run(python: string, script: string, ...options: string[]): Promise<string> {
    const env = { ...process.env, HF_HUB_OFFLINE: '1' };
    const found = await promisify(execFile)(python, [projectPath('test', 'python', script), ...options], { env });
    return found.stdout;
  }

  it('PEFT computes what is computed here with adapters written here', async (context: TestContext) => {
    const python = pythonOrSkip(context);
    if (python === undefined) return;
    const folder = join(root, 'ours');
    const tensors = tf.memory().numTensors;
    const count = await writeAdapterCases(folder);
    assert.equal(tf.memory().numTensors, tensors);
    const found = JSON.parse(await run(python, 'check_adapters.py', folder)) as Record<string, Record<string, number>>;
    assert.equal(Object.keys(found).length, count);
    for (const [name, errors] of Object.entries(found)) {
      for (const [output, error] of Object.entries(errors)) {
        assert.ok(error <= tolerance, `${name}, ${output}: ${error} of ${tolerance} allowed`);
      }
      context.diagnostic(`${name}: worst ${Math.max(...Object.values(errors)).toExponential(1)}`);
    }
  });

  it('PEFT’s adapters under each layout of names compute here what they do there', async (context: TestContext) => {
    const python = pythonOrSkip(context);
    if (python === undefined) return;
    const folder = join(root, 'theirs');
    mkdirSync(folder);
    await run(python, 'make_adapters.py', folder, '20');
    const { cases, notReplayed } = await verify([join(folder, 'lora')]);
    assert.deepEqual(notReplayed, []);
    assert.ok(cases.length > 0);
    for (const { name, passed, worst, where } of cases) assert.ok(passed, `${name}: ${worst} at ${where}`);
    context.diagnostic(
      `${cases.length} comparisons, worst ${Math.max(...cases.map(({ worst }) => worst ?? 0)).toExponential(1)}`,
    );
  });
});
