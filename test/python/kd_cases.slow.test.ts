import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { projectPath } from 'gemma-3ncore/host/places';
import { verify } from 'gemma-3ncore/verify';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { golden } from '../support/goldens.js';
import { pythonOrSkip } from '../support/python.js';

describe('distillations that PyTorch makes on the spot', () => {
  useEngine();
  const root = useFolder();

  it('have the gradients, losses and trained weights of PyTorch’s AdamW, clipping and ramps', async (context: TestContext) => {
    const python = pythonOrSkip(context);
    if (python === undefined) return;
    const script = projectPath('test', 'python', 'make_kd_cases.py');
    const { stdout } = await promisify(execFile)(python, [script, golden(), root]);
    const names = JSON.parse(stdout) as string[];
    const { cases } = await verify([join(root, 'kd')]);
    assert.deepEqual(
      cases.filter(({ passed }) => !passed),
      [],
    );
    assert.equal(cases.length, 3 * names.length);
  });
});
