import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { projectPath } from 'gemma-3ncore/host/places';

/** What a run of set-up left: its exit code and what it wrote. */
export interface SetupRun {
  readonly code: number | null;
  readonly text: string;
  readonly seconds: number;
}

/** A copy of the project in a temporary folder, to be set up without touching this one. */
export interface Clone {
  path(...parts: string[]): string;
  setUp(args: readonly string[], env?: Record<string, string>): Promise<SetupRun>;
  /** Starts set-up and stops it after some seconds. */
  interrupt(args: readonly string[], env: Record<string, string>, seconds: number): Promise<SetupRun>;
  remove(): void;
}

const files = ['package.json', 'package-lock.json', '.npmrc', 'tsconfig.base.json', 'kernels', 'lib'];

/** Copies the project's files and its compiled library; with `packages` also node_modules, as links to the same files. */
export async function makeClone(options: { readonly packages: boolean }): Promise<Clone> {
  const root = makeFolder(options.packages);
  for (const file of files) {
    cpSync(projectPath(file), join(root, file), {
      recursive: true,
      filter: (source) => !source.includes(`${sep}node_modules${sep}`),
    });
  }
  if (options.packages) await linkPackages(root);
  const start = (args: readonly string[], env: Record<string, string>) =>
    spawn(process.execPath, [join(root, 'kernels', 'setup.mjs'), ...args], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  return {
    path: (...parts) => join(root, ...parts),
    setUp: (args, env = {}) => ended(start(args, env)),
    async interrupt(args, env, seconds) {
      const child = start(args, env);
      const end = ended(child);
      await sleep(seconds * 1000);
      child.kill('SIGINT');
      return end;
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Links need the project's own disk; without them the system's temporary folder serves. */
function makeFolder(onOwnDisk: boolean): string {
  const place = onOwnDisk ? projectPath('.cache') : tmpdir();
  mkdirSync(place, { recursive: true });
  return mkdtempSync(join(place, '3ncore-clone-'));
}

/** The packages as links; the one whose files an install script changes in place as a copy. */
async function linkPackages(root: string): Promise<void> {
  await promisify(execFile)('cp', ['-al', projectPath('node_modules'), join(root, 'node_modules')]);
  const addonPackage = join('node_modules', '@tensorflow', 'tfjs-node-gpu');
  rmSync(join(root, addonPackage), { recursive: true });
  cpSync(projectPath(addonPackage), join(root, addonPackage), { recursive: true });
}

function ended(child: ReturnType<typeof spawn>): Promise<SetupRun> {
  const begun = performance.now();
  let text = '';
  child.stdout?.on('data', (data: Buffer) => (text += data.toString()));
  child.stderr?.on('data', (data: Buffer) => (text += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, text, seconds: (performance.now() - begun) / 1000 }));
  });
}
