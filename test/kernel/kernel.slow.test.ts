import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { jupyterEnvironment, python, pythonTestPackages, temporaryFolder } from './jupyter.js';

test('the kernel passes the suite of jupyter_kernel_test and the tests of test_kernel.py', () => {
  const folder = temporaryFolder();
  const env = { ...jupyterEnvironment(folder), PYTHONPATH: pythonTestPackages() };
  const script = projectPath('test', 'kernel', 'test_kernel.py');
  const result = spawnSync(python, [script], { cwd: projectPath('test'), env, encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stderr, /Ran \d\d tests/);
});
