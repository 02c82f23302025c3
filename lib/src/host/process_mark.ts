import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** What tells a process from every other one, also after its number has been given to another. */
export interface ProcessMark {
  /** A hash of the computer's names, which are nobody's business. */
  readonly host: string;
  /** The start of the computer's system; null where the system does not tell. */
  readonly boot: string | null;
  readonly pid: number;
  /** When it started, in the system's ticks since its own start; null where the system does not tell. */
  readonly started: string | null;
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/** The start of a process by proc(5), null where there is none or no /proc; a dead one that nobody has waited for is none. */
function startOf(pid: number): string | null {
  // The name, in brackets, may hold anything; the state is field 3, the start field 22.
  const fields = textOf(`/proc/${pid}/stat`)
    ?.replace(/^.*\)\s*/s, '')
    .split(' ');
  const [state, started = null] = [fields?.[0], fields?.[19]];
  return state === 'Z' || state === 'X' ? null : started;
}

function hostMark(): string {
  return createHash('sha256')
    .update(JSON.stringify([hostname(), textOf('/etc/machine-id')]))
    .digest('hex')
    .slice(0, 16);
}

/** The mark of this process. */
export function ownMark(): ProcessMark {
  const boot = textOf('/proc/sys/kernel/random/boot_id');
  return { host: hostMark(), boot, pid: process.pid, started: startOf(process.pid) };
}

/** Whether a process has this number; without /proc nothing more can be known. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Whether a process is still there; `elsewhere`: it was started on another computer, only that one can tell. */
export function stateOf({ host, boot, pid, started }: ProcessMark): 'alive' | 'gone' | 'elsewhere' {
  const own = ownMark();
  if (host !== own.host) return 'elsewhere';
  if (boot !== own.boot) return 'gone';
  const isThere = started === null ? exists(pid) : startOf(pid) === started;
  return isThere ? 'alive' : 'gone';
}

/** A mark read from a file; undefined where it is none. */
export function readMark(value: unknown): ProcessMark | undefined {
  const { host, boot, pid, started } = (value ?? {}) as Partial<Record<keyof ProcessMark, unknown>>;
  const isTextOrNull = (part: unknown): part is string | null => part === null || typeof part === 'string';
  if (typeof host !== 'string' || !isTextOrNull(boot) || !isTextOrNull(started)) return undefined;
  return Number.isSafeInteger(pid) && (pid as number) > 0 ? { host, boot, pid: pid as number, started } : undefined;
}
