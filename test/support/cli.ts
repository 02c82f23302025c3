import { spawn, type ChildProcess } from 'node:child_process';
import { projectPath } from 'gemma-3ncore/host/places';

/** How a run of `3ncore` ended and what it wrote. */
export interface CliRun {
  readonly code: number | null;
  readonly killedBy: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Told the process when it has started. */
  readonly watch?: (child: ChildProcess) => void;
}

/** Runs `3ncore …` in a process of its own. */
export function cli(args: readonly string[], { env = {}, watch }: CliOptions = {}): Promise<CliRun> {
  const child = spawn(process.execPath, [projectPath('lib', 'bin', '3ncore.cjs'), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  watch?.(child);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, killedBy) => resolve({ code, killedBy, stdout, stderr }));
  });
}

/** The lines of stderr without what TensorFlow writes there at its start. */
export function told({ stderr }: CliRun): string[] {
  return stderr.split('\n').filter((line) => line !== '' && !/^WARNING: All log messages|^[IW]\d{4} /.test(line));
}
