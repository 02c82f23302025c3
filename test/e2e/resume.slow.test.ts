import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { sha256File } from 'gemma-3ncore/files/hash';
import { cli, told, type CliRun } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { describeRun } from 'gemma-3ncore/runs';
import { filesIn, metricsOf, resultBytes, runRecord, tinyConfig, unfinishedIn } from '../support/run.js';

const root = useFolder();
const env = { NCORE_CACHE: join(root, 'cache') };
const config = join(root, 'e.json');
const whole = join(root, 'whole');

const command = (out: string): string[] => ['train', '--config', config, '--out', out];

/** Whole checkpoints in a folder. */
function checkpointsIn(folder: string): number {
  return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')).length : 0;
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
    assert.equal(describeRun(out).status, 'killed');
    const resumed = await cli(['train', '--out', out, '--resume'], { env });
    assert.equal(resumed.code, 0, resumed.stderr);
    assert.equal(runRecord(out).status, 'done');
    assert.deepEqual(resultBytes(out), resultBytes(whole));
    assert.deepEqual(metricsOf(out), metricsOf(whole));
    assert.deepEqual(unfinishedIn(out), []);
  });

  it('leaves a finished run as it is and says so', async () => {
    const stateOf = (folder: string): [string, string, number][] =>
      filesIn(folder).map((name) => {
        const path = join(folder, name);
        return [name, sha256File(path), statSync(path).mtimeMs];
      });
    const before = stateOf(whole);
    const again = await cli([...command(whole), '--resume'], { env });
    assert.equal(again.code, 0, again.stderr);
    assert.match(told(again).join('\n'), /whole is finished: there is nothing to go on with$/);
    assert.match(again.stdout, /EF/);
    assert.deepEqual(stateOf(whole), before);
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
