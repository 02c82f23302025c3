import { readFileSync } from 'node:fs';
import { sha256File } from './files/hash.js';
import { writeJson } from './files/json.js';
import { Interrupted, messageOf } from './host/errors.js';
import { warn } from './host/log.js';
import { projectPath } from './host/places.js';
import { hashFiles, runPath, type Run } from './run_folder.js';

export type RunStatus = 'running' | 'done' | 'failed' | 'interrupted';

/** `run.json`: what this run is and how it ended. */
export interface RunRecord {
  readonly status: RunStatus;
  readonly command: readonly string[];
  readonly seed: number;
  readonly created: string;
  readonly finished: string | null;
  readonly error: string | null;
  readonly versions: Readonly<Record<string, string>>;
  /** sha256 of the files that determine or are the result, by their path in the run folder. */
  readonly hashes: Readonly<Record<string, string>>;
}

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

async function begin(run: Run, seed: number): Promise<RunRecord> {
  const record: RunRecord = {
    status: 'running',
    command: ['3ncore', ...process.argv.slice(2)],
    seed,
    created: new Date().toISOString(),
    finished: null,
    error: null,
    versions: versions(),
    hashes: { 'experiment.json': sha256File(runPath(run, 'experiment.json')) },
  };
  await writeJson(runPath(run, 'run.json'), record);
  return record;
}

/** Does the work of a run while `run.json` says how it stands, whatever happens. */
export async function recorded(run: Run, seed: number, work: () => Promise<void>): Promise<void> {
  const record = await begin(run, seed);
  const end = async (status: RunStatus, error: string | null): Promise<void> => {
    const finished = new Date().toISOString();
    await writeJson(runPath(run, 'run.json'), { ...record, status, error, finished, hashes: hashFiles(run) });
  };
  try {
    await work();
  } catch (error) {
    const status = error instanceof Interrupted ? 'interrupted' : 'failed';
    // A disk too full for the record must not hide why the run ended.
    await end(status, messageOf(error)).catch((unwritten: unknown) => warn(messageOf(unwritten)));
    throw error;
  }
  await end('done', null);
}
