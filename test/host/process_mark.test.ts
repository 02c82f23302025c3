import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { ownMark, readMark, stateOf } from 'gemma-3ncore/host/process_mark';

describe('host/process_mark', () => {
  it('tells this process from a gone one, a later one of its number, another start of the system and another computer', async () => {
    const own = ownMark();
    assert.equal(own.pid, process.pid);
    assert.equal(stateOf(own), 'alive');
    const child = spawn(process.execPath, ['-e', '']);
    const { pid } = child;
    await once(child, 'close');
    assert.equal(stateOf({ ...own, pid: pid! }), 'gone');
    assert.equal(stateOf({ ...own, pid: pid!, started: null }), 'gone');
    assert.equal(stateOf({ ...own, started: null }), 'alive');
    assert.equal(stateOf({ ...own, boot: 'another' }), 'gone');
    assert.equal(stateOf({ ...own, host: 'another', boot: 'another', pid: pid! }), 'elsewhere');
    if (process.platform === 'linux') assert.equal(stateOf({ ...own, started: '1' }), 'gone');
  });

  it('takes a killed process that nobody has waited for as gone', { skip: process.platform !== 'linux' }, async () => {
    // The shell becomes a sleep that never asks after the child it had.
    const parent = spawn('sh', ['-c', 'sleep 30 & echo $!; exec sleep 30'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    // Before that the shell would still ask.
    while (readFileSync(`/proc/${parent.pid}/comm`, 'utf8') !== 'sleep\n')
      await new Promise((resolve) => setTimeout(resolve, 5));
    const stat = (): string[] =>
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\)\s*/s, '')
        .split(' ');
    const mark = { ...ownMark(), pid, started: stat()[19]! };
    assert.equal(stateOf(mark), 'alive');
    process.kill(pid, 'SIGKILL');
    while (stat()[0] !== 'Z') await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(stateOf(mark), 'gone');
    parent.kill('SIGKILL');
    await once(parent, 'close');
  });

  it('reads what it wrote and nothing else', () => {
    const own = ownMark();
    assert.deepEqual(readMark(JSON.parse(JSON.stringify(own))), own);
    for (const value of [
      undefined,
      null,
      'x',
      {},
      { ...own, pid: 0 },
      { ...own, host: 1 },
      { ...own, boot: undefined },
    ]) {
      assert.equal(readMark(value), undefined);
    }
    assert.match(own.host, /^[0-9a-f]{16}$/);
  });
});
