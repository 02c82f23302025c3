import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot } from 'gemma-3ncore/host/places';

/** Opens an engine in a process of its own; with `hide`, the addon's file is not to be found. */
async function openIn(
  env: Record<string, string>,
  hide = false,
): Promise<{ engine?: string; reasons?: string[]; error?: string }> {
  const code = `
    if (${hide}) {
      const fs = require('node:fs');
      const exists = fs.existsSync;
      fs.existsSync = (file) => !String(file).endsWith('tfjs_binding.node') && exists(file);
    }
    const { openEngine, enginesNotTaken } = require('./lib/dist/engine/open.js');
    const tell = (value) => process.stdout.write(JSON.stringify(value));
    (async () => openEngine())().then(
      (engine) => tell({ engine, reasons: enginesNotTaken().map((one) => one.engine + ': ' + one.reason) }),
      (error) => tell({ error: error.name + ': ' + error.message }),
    );`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', code], {
    cwd: projectRoot,
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as { engine?: string; reasons?: string[]; error?: string };
}

describe('where an engine does not open', () => {
  test('the next one does, and the reason is remembered', async () => {
    const { engine, reasons } = await openIn({}, true);
    assert.equal(engine, 'wasm');
    assert.equal(reasons?.length, 1);
    assert.match(reasons[0] ?? '', /^tensorflow: .*native addon/);
  });

  test('one that was forced is an error that says why', async () => {
    const { error } = await openIn({ NCORE_ENGINE: 'tensorflow' }, true);
    assert.match(
      error ?? '',
      /^BadInput: the engine: expected one that opens, got tensorflow \(.*native addon.*setup\.mjs/,
    );
  });

  test('a name that is none is bad input', async () => {
    const { error } = await openIn({ NCORE_ENGINE: 'webgl' });
    assert.match(error ?? '', /^BadInput: NCORE_ENGINE: expected tensorflow, wasm, cpu, got webgl/);
  });
});
