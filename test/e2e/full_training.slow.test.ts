import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { sha256File } from 'gemma-3ncore/files/hash';
import { readReport } from 'gemma-3ncore/report/report';
import { preset } from 'gemma-3ncore/schema/presets';
import { flattenParams } from 'gemma-3ncore/tree/params';
import { openStudentBase, type Tower } from 'gemma-3ncore/weights';
import * as tf from '@tensorflow/tfjs';
import { cli, type CliRun } from '../support/cli.js';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { adapterOf, resultBytes, runRecord, tinyConfig, unfinishedIn } from '../support/run.js';

const root = useFolder();
const env = { NCORE_CACHE: join(root, 'cache') };
const config = join(root, 'e.json');
const whole = join(root, 'whole');

const command = (out: string): string[] => ['train', '--config', config, '--out', out];

/** The weights of a tower by name; frees them. */
function valuesOf({ params }: Tower<unknown, Parameters<typeof flattenParams>[0]>): Map<string, Float32Array> {
  const leaves = [...flattenParams(params)].map(([path, leaf]) => {
    assert.ok(leaf.kind === 'dense');
    return [path, leaf.value] as const;
  });
  const values = leaves.map(([path, value]) => [path, value.dataSync<'float32'>().slice()] as const);
  tf.dispose(leaves.map(([, value]) => value));
  return new Map(values);
}

describe('3ncore train without an adapter', () => {
  useEngine();
  let run: CliRun;

  before(async () => {
    tinyConfig(config, { steps: 12, feature_steps: 3, checkpoint_every: 2 }, { adapter: null });
    run = await cli(command(whole), { env });
    assert.equal(run.code, 0, run.stderr);
  });

  it('writes the whole encoders beside their regressors, as the report says', () => {
    const { adapters, checkpoints } = readReport(whole, 'active').body;
    assert.equal(adapters.length, 2);
    for (const { model, path, sha256, parameters } of adapters) {
      const folder = adapterOf(whole, model as 'distilled');
      assert.equal(join(whole, path), folder);
      assert.deepEqual(readdirSync(folder).sort(), [
        ...['NOTICE', 'README.md', 'config.json', 'model.safetensors'],
        ...['regressor.json', 'regressor.safetensors'],
      ]);
      assert.equal(sha256File(join(folder, 'model.safetensors')), sha256);
      const tower = valuesOf(openStudentBase(folder, 0));
      assert.equal(
        [...tower.values()].reduce((sum, { length }) => sum + length, 0),
        parameters,
      );
      assert.match(readFileSync(join(folder, 'README.md'), 'utf8'), /^- Encoder: trained in full, \d/m);
    }
    const full = join(whole, checkpoints.filter(({ model }) => model === 'distilled').at(-1)!.path);
    assert.deepEqual(readdirSync(full).sort(), [
      ...['regressor.json', 'regressor.safetensors', 'student.json', 'student.safetensors'],
    ]);
  });

  it('changes every weight of the base', () => {
    const { student, seed } = preset('tiny');
    const base = valuesOf(openStudentBase(student.weights, seed));
    for (const model of ['distilled', 'baseline'] as const) {
      const trained = valuesOf(openStudentBase(adapterOf(whole, model), 0));
      assert.deepEqual([...trained.keys()], [...base.keys()]);
      for (const [path, values] of trained) assert.notDeepEqual(values, base.get(path), `${model} ${path}`);
    }
  });

  it('tells the memory of optimizer and gradients, and lists what it made', async () => {
    const rows = readReport(whole, 'conduit').tables.flatMap((table) => table.rows);
    assert.match(JSON.stringify(rows), /"trained state","value":".* parameters/);
    const { stdout } = await cli(['runs', '--dir', whole]);
    assert.match(stdout, /^whole +\d{8}T\d{6}Z +baseline +full +\d/m);
  });

  it('is a base for another run', async () => {
    const { student } = preset('tiny');
    const again = join(root, 'again.json');
    tinyConfig(again, {}, { student: { ...student, weights: adapterOf(whole, 'distilled') } });
    const { code, stderr } = await cli(['train', '--config', again, '--out', join(root, 'again')], { env });
    assert.equal(code, 0, stderr);
  });

  it('goes on after kill −9 to the bytes of the uninterrupted run', async () => {
    const out = join(root, 'killed');
    const stopped = await cli(command(out), {
      env,
      watch: (child) => {
        const watching = setInterval(() => {
          const checkpoints = join(out, 'checkpoints');
          if (!existsSync(checkpoints) || readdirSync(checkpoints).length < 2) return;
          clearInterval(watching);
          child.kill('SIGKILL');
        }, 5);
        child.on('close', () => clearInterval(watching));
      },
    });
    assert.equal(stopped.killedBy, 'SIGKILL');
    const resumed = await cli(['train', '--out', out, '--resume'], { env });
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(runRecord(out).status, 'done');
    assert.deepEqual(resultBytes(out), resultBytes(whole));
    assert.deepEqual(unfinishedIn(out), []);
  });
});
