import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { cachePath, projectPath } from 'gemma-3ncore/host/places';

/** Python with Jupyter, as set-up makes it. */
export const python = projectPath('.venv', 'bin', 'python');

/** The kernels of these tests: `3ncore` is kernels/3ncore itself, `plain-tslab` an unchanged tslab. */
export type Kernel = '3ncore' | 'plain-tslab';

export interface Output {
  readonly output_type: 'stream' | 'display_data' | 'execute_result' | 'error';
  /** A line each, or all in one, as nbformat writes it. */
  readonly text?: string | readonly string[];
  readonly data?: Record<string, unknown>;
  readonly ename?: string;
  readonly evalue?: string;
  readonly traceback?: string[];
}

/** A stream output's text. */
export function textOf(output: Output | undefined): string {
  return [output?.text ?? ''].flat().join('');
}

export interface Notebook {
  readonly cells: readonly { readonly outputs: readonly Output[] }[];
  readonly metadata: { readonly widgets?: Record<string, { state: Record<string, WidgetModel> }> };
}

interface WidgetModel {
  readonly model_name: string;
  readonly state: Record<string, unknown>;
}

/** A folder that is removed after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ncore-kernel-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The environment in which Jupyter finds both kernels; `folder` takes the kernelspec of the plain one. */
export function jupyterEnvironment(folder: string): NodeJS.ProcessEnv {
  const spec = join(folder, 'kernels', 'plain-tslab');
  mkdirSync(spec, { recursive: true });
  const tslab = projectPath('node_modules', 'tslab', 'bin', 'tslab');
  const argv = [process.execPath, tslab, 'kernel', '--config-path={connection_file}'];
  writeFileSync(join(spec, 'kernel.json'), JSON.stringify({ argv, display_name: 'tslab', language: 'typescript' }));
  return { ...process.env, JUPYTER_PATH: `${projectPath()}:${folder}` };
}

/** Writes a notebook with these code cells. */
export function writeNotebook(path: string, cells: readonly { source: string; tags?: readonly string[] }[]): void {
  const notebook = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: 'tslab', display_name: 'TypeScript', language: 'typescript' } },
    cells: cells.map(({ source, tags = [] }, i) => ({
      cell_type: 'code',
      id: `cell-${i}`,
      metadata: { tags },
      execution_count: null,
      outputs: [],
      source,
    })),
  };
  writeFileSync(path, JSON.stringify(notebook));
}

export interface Execution {
  readonly code: number | null;
  readonly stderr: string;
  /** Undefined when none was written. */
  readonly notebook: Notebook | undefined;
  readonly html: string | undefined;
}

export interface ExecuteOptions {
  readonly kernel?: Kernel;
  readonly arguments?: readonly string[];
  /** SIGINT is sent once this text was shown. */
  readonly interruptAfter?: string;
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** Runs kernels/execute.py on a notebook of these cells. */
export async function execute(
  folder: string,
  sources: readonly string[],
  options: ExecuteOptions = {},
): Promise<Execution> {
  const input = join(folder, 'sample.ipynb');
  const out = mkdtempSync(join(folder, 'out-'));
  writeNotebook(
    input,
    sources.map((source) => ({ source })),
  );
  const flags = ['--out', out, '--kernel', options.kernel ?? '3ncore', ...(options.arguments ?? [])];
  const child = spawn(python, [projectPath('kernels', 'execute.py'), input, ...flags], {
    env: jupyterEnvironment(folder),
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let stderr = '';
  let waiting = options.interruptAfter;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    if (waiting === undefined || !stderr.includes(waiting)) return;
    waiting = undefined;
    child.kill('SIGINT');
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const written = readIfThere(join(out, 'sample.ipynb'));
  const notebook = written === undefined ? undefined : (JSON.parse(written) as Notebook);
  return { code, stderr, notebook, html: readIfThere(join(out, 'sample.html')) };
}

/** A folder for PYTHONPATH with the Python packages that only these tests need. */
export function pythonTestPackages(): string {
  const folder = cachePath('python-tests');
  if (existsSync(join(folder, 'jupyter_kernel_test'))) return folder;
  const requirements = projectPath('test', 'kernel', 'requirements.txt');
  const options = ['--quiet', '--no-deps', '--require-hashes', '--target', folder, '-r', requirements];
  const result = spawnSync(python, ['-m', 'pip', 'install', ...options], { encoding: 'utf8' });
  if (result.status !== 0) throw new Error(`pip could not install ${requirements}: ${result.stderr}`);
  return folder;
}
