import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';

/** PyPI could not be reached. */
class Unreachable extends Error {}

const inTests = (...parts: string[]): string => projectPath('test', 'python', ...parts);

function pip(python: string, ...options: string[]): void {
  const { status, stderr } = spawnSync(python, ['-m', 'pip', 'install', '-q', ...options], { encoding: 'utf8' });
  if (status === 0) return;
  const offline = /connection broken|NewConnectionError|name resolution|Network is unreachable/i.test(stderr);
  throw new (offline ? Unreachable : Error)(`pip install ${options.join(' ')}: ${stderr.trim().split('\n').at(-1)}`);
}

/** The process that holds a lock; undefined where nobody does any more. */
function holderOf(lock: string): number | undefined {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

/** Does what one process at a time may do; the others wait for it. */
function alone(lock: string, work: () => void): void {
  while (existsSync(lock)) {
    if (holderOf(lock) === undefined) rmSync(lock, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
  }
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return alone(lock, work);
  }
  try {
    work();
  } finally {
    rmSync(lock, { force: true });
  }
}

/**
 * The interpreter of an environment in .cache, made where it is missing or older than its locks: once, also where tests of
 * several processes want it at a time.
 */
function environment(name: string, locks: readonly string[], install: (python: string) => void): string {
  const folder = projectPath('.cache', name);
  const python = join(folder, 'bin', 'python');
  const stamp = join(folder, 'locks.txt');
  const wanted = locks.map((lock) => readFileSync(inTests(lock), 'utf8')).join('');
  mkdirSync(projectPath('.cache'), { recursive: true });
  alone(`${folder}.lock`, () => {
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
    // Made beside its place, so that one that is there is whole.
    const made = `${folder}.${process.pid}`;
    try {
      execFileSync('python3', ['-m', 'venv', made], { stdio: 'inherit' });
      install(join(made, 'bin', 'python'));
      writeFileSync(join(made, 'locks.txt'), wanted);
      rmSync(folder, { recursive: true, force: true });
      renameSync(made, folder);
    } finally {
      rmSync(made, { recursive: true, force: true });
    }
  });
  return python;
}

/** The interpreter of an environment of the tests' own, by its lock in test/python. */
export function testPython(
  locked: 'requirements' | 'requirements-tensorboard' | 'requirements-croissant' = 'requirements',
): string {
  const lock = `${locked}.txt`;
  return environment(locked.replace('requirements', 'test-python'), [lock], (python) =>
    pip(python, '--require-hashes', '-r', inTests(lock)),
  );
}

/**
 * The interpreter with transformers, timm, PEFT and bitsandbytes (test/python/requirements-models.txt).
 * @throws Unreachable when PyPI cannot be reached.
 */
export function modelsPython(): string {
  const [torch, models] = ['requirements-torch.txt', 'requirements-models.txt'];
  return environment('test-python-models', [torch, models], (python) => {
    pip(python, '-r', inTests(torch));
    pip(python, '--require-hashes', '--no-deps', '-r', inTests(models));
  });
}

/** The interpreter that `make` gives; undefined, and the test skipped, where PyPI cannot be reached. */
export function pythonOrSkip(context: TestContext, make: () => string = modelsPython): string | undefined {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    context.skip(error.message);
    return undefined;
  }
}

/** Makes an EchoNet-Dynamic folder from real pixels, its tracings and labels drawn by the test (test/python/real_pixels.py). */
export function writeRealPixels(folder: string, clips: number): void {
  execFileSync(testPython(), [inTests('real_pixels.py'), folder, '--clips', String(clips)], { stdio: 'inherit' });
}

/** A DICOM file of pydicom's packages and its frames as pydicom reads them (test/python/dicom_frames.py). */
export interface ReferenceDicom {
  readonly name: string;
  readonly path: string;
  readonly kind: 'lossless' | 'jpeg' | 'refused';
  readonly height: number;
  readonly width: number;
  readonly frames: number;
  /** Frames whose grey values stand in `<name>.grey`. */
  readonly chosen: readonly number[];
}

/** Writes the frames of pydicom's files into a folder, and lists the files. */
export function writeDicomFrames(folder: string): ReferenceDicom[] {
  execFileSync(testPython(), [inTests('dicom_frames.py'), folder], { stdio: 'inherit' });
  return JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as ReferenceDicom[];
}
