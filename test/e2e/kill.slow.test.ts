import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fold, Random, rootKey } from 'gemma-3ncore/tree/random';
import { cli, type CliRun } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { filesIn, metricsOf, resultBytes, runRecord, tinyConfig, unfinishedIn } from '../support/run.js';

const root = useFolder();
const config = join(root, 'e.json');
const out = (name: string): string => join(root, name, 'run');
const cacheOf = (name: string): string => join(root, name, 'cache');

/** Trains into a folder of its own with a cache of its own; ends the process with a signal once `isTime` says so. */
function trainUntil(name: string, signal: NodeJS.Signals, isTime: () => boolean): Promise<CliRun> {
  return cli(['train', '--config', config, '--out', out(name), '--resume'], {
    env: { NCORE_CACHE: cacheOf(name) },
    watch: (child) => {
      const watching = setInterval(() => {
        if (!isTime()) return;
        clearInterval(watching);
        child.kill(signal);
      }, 1);
      child.on('close', () => clearInterval(watching));
    },
  });
}

const untilEnd = (name: string): Promise<CliRun> => trainUntil(name, 'SIGKILL', () => false);

function after(ms: number): () => boolean {
  const begun = performance.now();
  return () => performance.now() - begun >= ms;
}

/** Whether an entry of such a name stands below a folder, which may change while it is read. */
function holds(folder: string, pattern: RegExp): () => boolean {
  return () => {
    try {
      return readdirSync(folder, { recursive: true }).some((name) => pattern.test(String(name)));
    } catch {
      return false;
    }
  };
}

function fullModelsIn(folder: string): number {
  return filesIn(folder).filter((path) => path.endsWith('student.safetensors')).length;
}

/** What must not depend on how often a run was stopped. */
function assertAsWhole(name: string): void {
  const [run, whole] = [out(name), out('whole')];
  assert.equal(runRecord(run).status, 'done');
  assert.deepEqual(resultBytes(run), resultBytes(whole));
  assert.deepEqual(metricsOf(run), metricsOf(whole));
  assert.deepEqual(unfinishedIn(run), []);
  for (const model of ['.', 'baseline']) {
    assert.equal(readdirSync(join(run, model, 'adapters')).length, 1, `${model}: adapters`);
    assert.equal(fullModelsIn(join(run, model, 'checkpoints')), 1, `${model}: full models`);
  }
}

describe('3ncore train stopped anywhere', () => {
  let span = 0;

  before(async () => {
    tinyConfig(config, { steps: 40, feature_steps: 6, checkpoint_every: 1, validate_every: 3, keep_checkpoints: 2 });
    const begun = performance.now();
    const { code, stderr } = await untilEnd('whole');
    span = performance.now() - begun;
    assert.equal(code, 0, stderr);
  });

  it('ends at the bytes of the uninterrupted run after 20 × kill −9 at random moments, from the empty cache on', async () => {
    const random = new Random(fold(rootKey(11), 'kills'));
    let [kills, chains] = [0, 0];
    while (kills < 20) {
      const name = `random-${chains++}`;
      let code: number | null = null;
      // At the tenth kill of a run at the latest it is let go to its end.
      for (let i = 0; i < 10 && code === null && kills < 20; i++) {
        const run = await trainUntil(name, 'SIGKILL', after(span * (0.1 + 0.9 * random.uniform())));
        code = run.code;
        if (run.killedBy === 'SIGKILL') kills += 1;
        else assert.equal(code, 0, run.stderr);
      }
      const last = await untilEnd(name);
      assert.equal(last.code, 0, last.stderr);
      assertAsWhole(name);
    }
  });

  const moments: readonly (readonly [string, (name: string) => () => boolean])[] = [
    ['the teacher’s features are written', (name) => holds(join(cacheOf(name), 'features'), /map\.json$/)],
    ['a checkpoint is written', (name) => holds(join(out(name), 'checkpoints'), /^\..*\.tmp/)],
    ['the full model is written', (name) => holds(join(out(name), 'checkpoints'), /student\.safetensors/)],
    ['the baseline’s checkpoint is written', (name) => holds(join(out(name), 'baseline', 'checkpoints'), /^\..*\.tmp/)],
    ['predictions are there', (name) => holds(out(name), /predictions\.csv$/)],
    ['an adapter is written', (name) => holds(join(out(name), 'adapters'), /adapter_model/)],
  ];
  it('goes on from a kill −9 and a SIGINT at each of its phases, without anything twice', async () => {
    let [killed, interrupted] = [0, 0];
    for (const [i, [what, isTime]] of moments.entries()) {
      const name = `phase-${i}`;
      const kill = await trainUntil(name, 'SIGKILL', isTime(name));
      if (kill.killedBy === 'SIGKILL') killed += 1;
      else assert.equal(kill.code, 0, `${what}: ${kill.stderr}`);
      const stop = await trainUntil(name, 'SIGINT', isTime(name));
      if (stop.code === 130) interrupted += 1;
      else assert.ok(stop.code === 0 || stop.killedBy === 'SIGINT', `${what}: ${stop.stderr}`);
      const last = await untilEnd(name);
      assert.equal(last.code, 0, `${what}: ${last.stderr}`);
      assertAsWhole(name);
    }
    assert.ok(killed >= 4, `${killed} kills came in time`);
    assert.ok(interrupted >= 2, `${interrupted} interruptions came in time`);
  });
});
