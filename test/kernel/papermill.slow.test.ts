import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { jupyterEnvironment, python, temporaryFolder, textOf, writeNotebook, type Notebook } from './jupyter.js';

const folder = temporaryFolder();
const input = join(folder, 'in.ipynb');
const env = { ...jupyterEnvironment(folder), PYTHONPATH: projectPath('kernels', 'papermill') };

function papermill(...flags: string[]): { status: number | null; stdout: string; stderr: string } {
  const all = ['-m', 'papermill', ...flags];
  return spawnSync(python, all, { env, cwd: projectPath('test'), encoding: 'utf8' });
}

test('papermill writes parameters as TypeScript: numbers, text, booleans, null, lists and objects', () => {
  writeNotebook(input, [
    { source: 'let limit: number = 1; // studies\nlet name = "none";\nlet config = {};', tags: ['parameters'] },
    { source: 'console.log(JSON.stringify([limit, name, config, flag]))' },
  ]);
  const out = join(folder, 'out.ipynb');
  const yaml = '{config: {rate: 0.5, list: [1, null], "a\\"b": "ü"}, flag: true}';
  const flags = ['-p', 'limit', '3', '-p', 'name', 'it\'s "x"\\', '-y', yaml, '-k', '3ncore'];
  const result = papermill(input, out, ...flags);
  assert.equal(result.status, 0, result.stderr);
  const { cells } = JSON.parse(readFileSync(out, 'utf8')) as Notebook;
  assert.deepEqual(JSON.parse(textOf(cells.at(-1)?.outputs[0])), [
    3,
    'it\'s "x"\\',
    { rate: 0.5, list: [1, null], 'a"b': 'ü' },
    true,
  ]);
});

test('papermill lists the parameters with their types, defaults and comments', () => {
  const { stdout, stderr } = papermill(input, '--help-notebook');
  assert.match(stdout, /limit: number \(default 1\)\s+studies/, stderr);
});
