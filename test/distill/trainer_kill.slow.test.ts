import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { latestCheckpoint } from 'gemma-3ncore/distill/checkpoint';
import { useFolder } from '../support/folder.js';

const script = resolve(__dirname, '..', 'support', 'train_tiny.js');

/** Runs the script; kills it `delay` ms after its `events`-th line. Gives whether it was killed. */
async function run(folder: string, kill?: { readonly events: number; readonly delay: number }): Promise<boolean> {
  const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'ignore'] });
  let events = 0;
  createInterface({ input: child.stdout }).on('line', () => {
    events += 1;
    if (events === kill?.events) setTimeout(() => child.kill('SIGKILL'), kill.delay);
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (signal !== 'SIGKILL') assert.equal(code, 0);
  return signal === 'SIGKILL';
}

function lastState(folder: string): [Buffer, Buffer] {
  const newest = latestCheckpoint(folder)!;
  const file = (name: string): Buffer => readFileSync(join(newest, name));
  return [file('trainer.safetensors'), file('trainer.json')];
}

describe('distill/trainer killed', () => {
  const root = useFolder();

  it('ends at the bytes of the uninterrupted run after kill −9 at several moments', async () => {
    await run(join(root, 'whole'));
    const killed = join(root, 'killed');
    let kills = 0;
    // In the middle of a step or of a checkpoint, as it comes.
    for (const [i, delay] of [0, 3, 9, 20].entries()) kills += Number(await run(killed, { events: 3 + i, delay }));
    await run(killed);
    assert.ok(kills >= 2, `${kills} kills`);
    assert.deepEqual(lastState(killed), lastState(join(root, 'whole')));
    assert.ok(readdirSync(killed).every((name) => !name.endsWith('.tmp')));
  });
});
