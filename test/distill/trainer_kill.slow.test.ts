import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { latestCheckpoint } from 'gemma-3ncore/distill/checkpoint';
import { fold, Random, rootKey } from 'gemma-3ncore/tree/random';
import { useFolder } from '../support/folder.js';
import { filesIn } from '../support/run.js';

const script = resolve(__dirname, '..', 'support', 'train_tiny.js');
const steps = 60;

/** When a run is sent which signal: `delay` ms after its first event. */
interface Stop {
  readonly signal: NodeJS.Signals;
  readonly delay: number;
}

interface Ended {
  readonly code: number | null;
  readonly killedBy: NodeJS.Signals | null;
  readonly stderr: string;
  /** Milliseconds from the first event to the end. */
  readonly span: number;
}

/** Runs the script, with files of at most `blocks` × 512 bytes if that is given. */
async function run(folder: string, stop?: Stop, blocks?: number): Promise<Ended> {
  const command = `${blocks === undefined ? '' : `ulimit -f ${blocks}; `}exec "$0" "$@"`;
  const child = spawn('sh', ['-c', command, process.execPath, script, folder, String(steps)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [begun, stderr] = [NaN, ''];
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  createInterface({ input: child.stdout }).once('line', () => {
    begun = performance.now();
    if (stop !== undefined) setTimeout(() => child.kill(stop.signal), stop.delay);
  });
  const [code, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, killedBy, stderr, span: performance.now() - begun };
}

/** Every byte of the newest checkpoint. */
function lastState(folder: string): Map<string, Buffer> {
  const newest = latestCheckpoint(folder)!;
  return new Map(filesIn(newest).map((name) => [name, readFileSync(join(newest, name))]));
}

function stepOf(folder: string): number {
  const newest = latestCheckpoint(folder);
  if (newest === undefined) return 0;
  return (JSON.parse(readFileSync(join(newest, 'trainer.json'), 'utf8')) as { step: number }).step;
}

describe('distill/trainer stopped', () => {
  const root = useFolder();
  const whole = join(root, 'whole');
  const random = new Random(fold(rootKey(7), 'kills'));

  it('ends at the bytes of the uninterrupted run after 20 × kill −9 and 4 × SIGINT at random moments', async () => {
    const { code, span, stderr } = await run(whole);
    assert.equal(code, 0, stderr);
    let [kills, interrupts, finished] = [0, 0, 0];
    while (kills < 20 || interrupts < 4) {
      const folder = join(root, `stopped-${finished}`);
      const signal = interrupts < 4 && (kills + interrupts) % 6 === 5 ? 'SIGINT' : 'SIGKILL';
      // A run is stopped some ten times on its way: in the middle of a step, a checkpoint or a removal, as it comes.
      const ended = await run(folder, { signal, delay: random.uniform() * 0.2 * span });
      if (ended.killedBy === 'SIGKILL') kills += 1;
      else if (ended.code === 130) interrupts += 1;
      else {
        assert.equal(ended.code, 0, ended.stderr);
        finished += 1;
      }
    }
    for (let i = 0; i <= finished; i++) {
      const folder = join(root, `stopped-${i}`);
      assert.equal((await run(folder)).code, 0);
      assert.deepEqual(lastState(folder), lastState(whole));
      assert.ok(lastState(folder).has('adapter_model.safetensors'));
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.startsWith('.')),
        [],
      );
      assert.ok(readdirSync(folder).length <= 3);
    }
  });

  it('says when the disk is full, keeps the last checkpoint as it is and goes on from it', async () => {
    const folder = join(root, 'full');
    await run(folder, { signal: 'SIGINT', delay: 0 });
    const [before, step, names] = [lastState(folder), stepOf(folder), readdirSync(folder)];
    assert.ok(step > 0 && step < steps);
    const full = await run(folder, undefined, 2);
    assert.equal(full.code, 2, full.stderr);
    assert.match(
      full.stderr,
      /^3ncore: the checkpoint .*full.\d{8}T\d{6}Z: expected room to write it, got a full disk.*; free some space and go on with --resume: the last checkpoint is whole\.$/m,
    );
    assert.deepEqual(readdirSync(folder), names);
    assert.deepEqual(lastState(folder), before);
    assert.equal((await run(folder)).code, 0);
    assert.deepEqual(lastState(folder), lastState(whole));
  });
});
