// One set-up at a time in a clone.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { inEngine } from './project.mjs';

const lock = inEngine('setup.lock');

/** Waits until no other set-up works in this clone (one whose process is gone does not count), then takes its place. */
export async function takeLock() {
  mkdirSync(inEngine(), { recursive: true });
  let told = false;
  while (!tryLock()) {
    const holder = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0;
    if (!isRunning(holder)) {
      rmSync(lock, { force: true });
      continue;
    }
    if (!told) process.stderr.write(`set-up: waiting for the one that runs as process ${holder}\n`);
    told = true;
    await sleep(500);
  }
  process.on('exit', () => rmSync(lock, { force: true }));
}

function tryLock() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isRunning(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
