import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { test } from 'node:test';
import { makeClone } from '../support/clone.js';

const product = `
  const { describeEngine } = require('gemma-3ncore/engine/describe');
  const tf = require('@tensorflow/tfjs');
  describeEngine().then(({ engine, tensorflow, device }) => {
    const square = [...tf.matMul([[1, 2], [3, 4]], [[1, 2], [3, 4]]).dataSync()];
    process.stdout.write(JSON.stringify({ engine, tensorflow, device, square }));
  });`;

// The wheel with CUDA (572 MB) on a host that seems to have a GPU: set-up downloads it, compiles against it, finds that no GPU
// answers and goes on with the same libraries on the processor.
test('an addon linked with the GPU TensorFlow loads and computes without a GPU', async (context) => {
  const clone = await makeClone({ packages: true });
  try {
    const fakes = clone.path('fakes');
    mkdirSync(fakes);
    writeFileSync(`${fakes}/nvidia-smi`, '#!/bin/sh\necho "Test GPU"\n');
    chmodSync(`${fakes}/nvidia-smi`, 0o755);
    const run = await clone.setUp(['--only', 'engine'], {
      PATH: `${fakes}${delimiter}${process.env['PATH'] ?? ''}`,
      NCORE_TENSORFLOW: '',
    });
    const report = JSON.parse(readFileSync(clone.path('.engine', 'setup.json'), 'utf8')) as {
      engine: { tensorflow: string; tensorflowOrigin: string; rejected: { route: string; reason: string }[] };
    };
    const noDownload = report.engine.rejected.find(({ reason }) =>
      /No matching distribution|connection|timed out|name resolution/i.test(reason),
    );
    if (noDownload !== undefined) return context.skip(`the wheel could not be downloaded: ${noDownload.reason}`);
    assert.equal(run.code, 0, run.text);
    assert.match(report.engine.tensorflowOrigin, /^tensorflow from the package index|^the Python package/);
    assert.match(run.text, /TensorFlow does not see the GPU/);
    const out = execFileSync(process.execPath, ['-e', product], { cwd: clone.path(), encoding: 'utf8' });
    const found = JSON.parse(out.slice(out.indexOf('{'))) as { engine: string; device: string; square: number[] };
    assert.equal(found.engine, 'tensorflow');
    assert.equal(found.device, 'cpu');
    assert.deepEqual(found.square, [7, 10, 15, 22]);
  } finally {
    clone.remove();
  }
});
