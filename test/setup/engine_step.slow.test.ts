import assert from 'node:assert/strict';
import { readFileSync, statSync, utimesSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { makeClone } from '../support/clone.js';
import type { Clone } from '../support/clone.js';

interface SetupReport {
  readonly engine: { engine: string; route: string; device: string; addon: string | null; rejected: object[] };
  readonly steps: readonly { name: string; status: string; seconds: number }[];
  readonly versions: readonly { name: string; locked: string | null; installed: string | null }[];
}

/** The TensorFlow that this project was set up with. */
function tensorflowFolder(): string {
  const report = JSON.parse(readFileSync(projectPath('.engine', 'setup.json'), 'utf8')) as {
    engine: { tensorflow: string };
  };
  return report.engine.tensorflow;
}

const addon = ['node_modules', '@tensorflow', 'tfjs-node-gpu', 'lib', 'napi-v8', 'tfjs_binding.node'] as const;

describe('set-up of the engine', () => {
  let clone: Clone;
  const env: Record<string, string> = {};
  const report = (): SetupReport =>
    JSON.parse(readFileSync(clone.path('.engine', 'setup.json'), 'utf8')) as SetupReport;
  before(async () => {
    env['NCORE_TENSORFLOW'] = tensorflowFolder();
    clone = await makeClone({ packages: true });
  });
  after(() => clone.remove());

  test('can be interrupted while it compiles, and run again', async () => {
    const stopped = await clone.interrupt(['--only', 'library,engine'], env, 4);
    assert.equal(stopped.code, 130, stopped.text);
    const run = await clone.setUp(['--only', 'library,engine'], env);
    assert.equal(run.code, 0, run.text);
    assert.equal(report().engine.route, 'tensorflow-cpu');
    assert.ok(statSync(clone.path(...addon)).size > 50_000);
  });

  test('a second run is quick and leaves everything alone', async () => {
    const before = statSync(clone.path(...addon)).mtimeMs;
    const run = await clone.setUp(['--only', 'library,engine'], env);
    assert.equal(run.code, 0, run.text);
    assert.match(run.text, /nothing to do/);
    assert.ok(run.seconds < 5, `${run.seconds} s`);
    assert.equal(statSync(clone.path(...addon)).mtimeMs, before);
    assert.ok(report().steps.every(({ status }) => status === 'unchanged'));
  });

  test('reports versions as they are locked and installed', () => {
    const { versions } = report();
    const tfjs = versions.find(({ name }) => name === '@tensorflow/tfjs');
    assert.equal(tfjs?.locked, '4.22.0');
    assert.equal(tfjs.installed, '4.22.0');
    assert.ok(versions.some(({ name }) => name === 'jupyterlab'));
  });

  test('a file that is only touched is not an input that changed', async () => {
    const now = new Date();
    utimesSync(clone.path('lib', 'src', 'engine', 'open.ts'), now, now);
    assert.match((await clone.setUp(['--only', 'library'], env)).text, /nothing to do/);
  });

  test('a broken compiler degrades the engine, in one sentence that says why', async () => {
    // No Python, so that it brings no compiler, and no network for the prebuilt addon.
    const unreachable = 'http://127.0.0.1:9/';
    const run = await clone.setUp(['--only', 'engine'], {
      ...env,
      NCORE_CXX: '/bin/false',
      NCORE_PYTHON: clone.path('none'),
      TFJS_NODE_CDN_STORAGE: unreachable,
      HTTPS_PROXY: unreachable,
      https_proxy: unreachable,
    });
    assert.equal(run.code, 0, run.text);
    const { engine } = report();
    assert.equal(engine.engine, 'wasm');
    const sentences = run.text.split('\n').filter((line) => /^set-up: engine: .*false failed on/.test(line));
    assert.equal(sentences.length, 1, run.text);
  });
});
