import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { cli, told, type CliRun } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { resultBytes, runRecord, tinyConfig, unfinishedIn } from '../support/run.js';

const root = useFolder();
const env = { NCORE_CACHE: join(root, 'cache') };
const config = join(root, 'e.json');
const whole = join(root, 'whole');

const command = (out: string): string[] => ['train', '--config', config, '--out', out];

/** Whole checkpoints in a folder. */
function checkpointsIn(folder: string): number {
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')).length : 0;
}

/** Every line of a run's log that tells of a step or a validation, without its time. */
function metricsOf(folder: string): unknown[] {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines
    .map((line) => ({ ...(JSON.parse(line) as { kind: string }), time: '' }))
    .filter(({ kind }) => kind === 'step' || kind === 'validation');
}

/** Trains into `out` and sends a signal as soon as `folder` there holds two checkpoints. */
function stopped(out: string, folder: string, signal: NodeJS.Signals): Promise<CliRun> {
  return cli(command(out), {
    env,
    watch: (child) => {
      const watching = setInterval(() => {
        if (checkpointsIn(join(out, folder)) < 2) return;
        clearInterval(watching);
        child.kill(signal);
      }, 5);
      child.on('close', () => clearInterval(watching));
    },
  });
}

describe('3ncore train --resume', () => {
  before(async () => {
    tinyConfig(config, { steps: 40, feature_steps: 6, checkpoint_every: 3, validate_every: 9 });
    const { code, stderr } = await cli(command(whole), { env });
    assert.equal(code, 0, stderr);
  });

  it('goes on after SIGINT, which exits 130 and is recorded, to the bytes of the uninterrupted run', async () => {
    const out = join(root, 'interrupted');
    const run = await stopped(out, 'checkpoints', 'SIGINT');
    assert.deepEqual([run.code, run.stdout], [130, '']);
    assert.equal(told(run).at(-1), '3ncore: interrupted');
    assert.equal(runRecord(out).status, 'interrupted');
    assert.deepEqual(unfinishedIn(out), []);
    assert.ok(!existsSync(join(out, 'adapters')));
    const resumed = await cli([...command(out), '--resume'], { env });
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(runRecord(out).status, 'done');
    assert.deepEqual(resultBytes(out), resultBytes(whole));
    assert.deepEqual(metricsOf(out), metricsOf(whole));
  });

  it('goes on after kill −9 while the baseline is trained, to the bytes of the uninterrupted run', async () => {
    const out = join(root, 'killed');
    const run = await stopped(out, join('baseline', 'checkpoints'), 'SIGKILL');
    assert.equal(run.killedBy, 'SIGKILL');
    assert.equal(runRecord(out).status, 'running');
    const resumed = await cli(['train', '--out', out, '--resume'], { env });
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(runRecord(out).status, 'done');
    assert.deepEqual(resultBytes(out), resultBytes(whole));
    assert.deepEqual(metricsOf(out), metricsOf(whole));
    assert.deepEqual(unfinishedIn(out), []);
  });

  it('refuses to go on with another configuration or where there is none', async () => {
    const other = await cli([...command(whole), '--seed', '9', '--resume'], { env });
    assert.equal(other.code, 2);
    assert.match(told(other).join('\n'), /^3ncore: --resume: expected the configuration in .*, got another one; leave/);
    const none = await cli(['train', '--out', root, '--resume'], { env });
    assert.equal(none.code, 2);
    assert.match(told(none).join('\n'), /^3ncore: .*: expected a run folder with experiment\.json, got none\.$/);
    assert.equal(runRecord(whole).status, 'done');
  });
});
