import { readFileSync } from 'node:fs';
import { sha256File } from './files/hash.js';
import { projectPath } from './host/places.js';
import { hashFiles, readRunRecord, runPath, writeRunRecord, type Run, type RunStatus } from './run_folder.js';

/** Versions that determine a result: the library, Node and what the lock files fix. */
function versions(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(projectPath('lib', 'package.json'), 'utf8')) as { version: string };
  return {
    'gemma-3ncore': version,
    node: process.versions.node,
    'package-lock.json': sha256File(projectPath('package-lock.json')),
    'kernels/requirements.txt': sha256File(projectPath('kernels', 'requirements.txt')),
  };
}

/** Writes `run.json` at the start of a run. */
export async function startRecord(run: Run, command: readonly string[], seed: number): Promise<void> {
  await writeRunRecord(run, {
    status: 'running',
    command: ['3ncore', ...command],
    seed,
    created: new Date().toISOString(),
    finished: null,
    error: null,
    versions: versions(),
    hashes: { 'experiment.json': sha256File(runPath(run, 'experiment.json')) },
  });
}

/** Completes `run.json` at the end of a run, with the sha256 of every file it left. */
export async function finishRecord(run: Run, status: RunStatus, error: string | null): Promise<void> {
  const record = readRunRecord(run);
  if (record === undefined) throw new Error(`no run.json in ${run.folder}`);
  await writeRunRecord(run, { ...record, status, error, finished: new Date().toISOString(), hashes: hashFiles(run) });
}
