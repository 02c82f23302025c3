import { existsSync, readFileSync } from 'node:fs';
import { sha256File } from './files/hash.js';
import { readJsonObject, writeJson } from './files/json.js';
import { BadInput, Interrupted, messageOf } from './host/errors.js';
import { warn } from './host/log.js';
import { projectPath } from './host/places.js';
import { ownMark, readMark, stateOf, type ProcessMark } from './host/process_mark.js';
import { hashFiles, runPath, type Run } from './run_folder.js';

export type RunStatus = 'running' | 'done' | 'failed' | 'interrupted';

/** `run.json`: what this run is and how it ended. */
export interface RunRecord {
  readonly status: RunStatus;
  /** Whose work it is; by it a run that was killed is told from one under way. */
  readonly process: ProcessMark;
  readonly command: readonly string[];
  readonly seed: number;
  readonly created: string;
  readonly finished: string | null;
  readonly error: string | null;
  readonly versions: Readonly<Record<string, string>>;
  /** sha256 of the files that determine or are the result, by their path in the run folder. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** How a run stands by its record: `killed` where it says `running` and the process is gone. */
export type Standing = RunStatus | 'killed';

/** What a record says of a run. */
export interface ReadRecord {
  readonly status: Standing;
  /** Of one left running: where its process is; `unknown` in records of older versions. */
  readonly process: 'alive' | 'gone' | 'elsewhere' | 'unknown';
  readonly error: string | null;
  readonly created: string | null;
}

/** What `status` may be. */
export const runStatuses: readonly unknown[] = ['running', 'done', 'failed', 'interrupted'] satisfies RunStatus[];

/** Reads `run.json`. @throws when it is damaged or says no status. */
export function readRecord(path: string): ReadRecord {
  const { status, error, created, process } = readJsonObject(path);
  if (!runStatuses.includes(status)) throw new Error(`${path}: no status of a run`);
  const mark = readMark(process);
  const found = mark === undefined ? 'unknown' : stateOf(mark);
  return {
    status: status === 'running' && found === 'gone' ? 'killed' : (status as RunStatus),
    process: found,
    error: typeof error === 'string' ? error : null,
    created: typeof created === 'string' ? created : null,
  };
}

/**
 * How a run that is to be gone on with stands; undefined: it was never recorded.
 * @throws BadInput while another process works on it.
 */
export function standingOf(run: Run): Standing | undefined {
  const path = runPath(run, 'run.json');
  if (!existsSync(path)) return undefined;
  const { status, process } = readRecord(path);
  if (status !== 'running') return status;
  if (process === 'elsewhere') warn(`${run.folder} was left running on another computer: be sure that it ended there`);
  if (process !== 'alive') return status;
  throw new BadInput({
    where: run.folder,
    expected: 'a run that has ended',
    got: 'one under way',
    fix: 'wait for it or stop it first',
  });
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

async function begin(run: Run, seed: number, command: readonly string[]): Promise<RunRecord> {
  const record: RunRecord = {
    status: 'running',
    process: ownMark(),
    command: [...command],
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
export async function recorded(
  run: Run,
  seed: number,
  work: () => Promise<void>,
  command: readonly string[] = ['3ncore', ...process.argv.slice(2)],
): Promise<void> {
  const record = await begin(run, seed, command);
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

/** Records a run that notebooks have finished by themselves; where a command executes them, that records it. */
export async function recordNotebooks(run: Run, seed: number): Promise<void> {
  const path = runPath(run, 'run.json');
  if (existsSync(path) && readRecord(path).status === 'running') return;
  await recorded(run, seed, () => Promise.resolve(), ['notebooks']);
}
