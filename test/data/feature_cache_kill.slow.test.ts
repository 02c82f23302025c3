import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { useFolder } from '../support/folder.js';

const script = resolve(__dirname, '..', 'support', 'fill_cache.js');
const frames = 40;

/** Runs the script and kills it when `killAt` frames were asked for; gives what it said. */
async function run(cache: string, killAt = Infinity): Promise<{ computed: number[]; read: string[] }> {
  const env = { ...process.env, NCORE_CACHE: cache };
  const child = spawn(process.execPath, [script, String(frames)], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    if (lines.length === killAt) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  assert.equal(killAt < Infinity ? signal : code, killAt < Infinity ? 'SIGKILL' : 0);
  const after = (word: string): string[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  return { computed: after('computed').map(Number), read: after('read') };
}

/** Frames whose larger map stands in a shard. */
function shards(cache: string): number {
  const files = readdirSync(join(cache, 'features'), { recursive: true }).map(String);
  return files.filter((name) => name.endsWith('.safetensors')).length;
}

describe('data/feature_cache killed', () => {
  const cache = useFolder();

  it('computes after kill −9 in the middle only what is missing', async () => {
    const first = await run(cache, 20);
    assert.ok(first.computed.length >= 20 && first.computed.length < frames, `${first.computed.length} computed`);
    assert.ok(shards(cache) >= 2, 'shards of 64 MiB have been written on the way');
    const second = await run(cache, 6);
    const third = await run(cache);
    const again = await run(cache);
    const [from] = second.computed as [number];
    // 64 MiB are eight frames: at least two shards of eight are kept of twenty frames.
    assert.ok(from >= 16 && from <= first.computed.length, `went on at frame ${from}`);
    assert.deepEqual(
      third.computed,
      Array.from({ length: frames - third.computed[0]! }, (_, i) => third.computed[0]! + i),
    );
    assert.ok(third.computed[0]! >= from);
    assert.deepEqual(third.read, ['0', String(frames - 1)]);
    assert.deepEqual(again, { computed: [], read: third.read });
  });
});
