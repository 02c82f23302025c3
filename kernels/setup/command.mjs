// Runs other programs: their output is kept for the error message, their progress is shown.
import { spawn } from 'node:child_process';
import { mkdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { inEngine } from './project.mjs';

/** The environment of set-up's tools: their caches and temporary files are inside the clone. */
function toolEnvironment(extra) {
  const temporary = inEngine('tmp');
  return {
    XDG_CACHE_HOME: join(temporary, 'cache'),
    PIP_NO_CACHE_DIR: process.env.PIP_CACHE_DIR === undefined ? '1' : '',
    PIP_DISABLE_PIP_VERSION_CHECK: '1',
    ZIG_GLOBAL_CACHE_DIR: join(temporary, 'zig'),
    ZIG_LOCAL_CACHE_DIR: join(temporary, 'zig'),
    ...process.env,
    npm_config_cache: join(temporary, 'npm'),
    // "npm --silent start" hands its silence on; what went wrong has to be told all the same.
    npm_config_loglevel: 'error',
    TMPDIR: temporary,
    ...extra,
  };
}

/** A program that ended badly, with the last lines it wrote. */
export class CommandFailure extends Error {
  constructor(command, reason, output) {
    super(`${command} ${reason}: ${gistOf(output)}`);
    this.name = 'CommandFailure';
    this.output = output;
  }
}

/** Aborted when the user stops set-up. */
export const interruption = new AbortController();

/** Ends set-up with exit code 130 on Ctrl-C or SIGTERM, and the programs it runs with it; a later run takes up where it stopped. */
export function stopOnSignals() {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      interruption.abort();
      process.exit(130);
    });
  }
}

/** What matters of a program's output, in one line: its errors, else its end. */
export function gistOf(output, count = 3) {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(\[notice\]|WARNING|npm warn)/.test(line));
  const errors = lines.filter((line) => /error/i.test(line));
  const told = errors.length > 0 ? errors.slice(0, count) : lines.slice(-count);
  return told.join(' | ').slice(0, 600) || 'it wrote nothing';
}

/** The full path of the first of these programs that PATH has. */
export function findProgram(...names) {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const file = join(folder, name);
      if (folder !== '' && isExecutable(file)) return file;
    }
  }
  return undefined;
}

function isExecutable(file) {
  const found = statSync(file, { throwIfNoEntry: false });
  return found !== undefined && found.isFile() && (found.mode & 0o111) !== 0;
}

/** Shows a line every five seconds until the work ends; `line` is given the seconds so far. */
export async function withHeartbeat(work, line) {
  const begun = performance.now();
  const ticker = setInterval(() => {
    process.stderr.write(`    ${line(Math.round((performance.now() - begun) / 1000))}\n`);
  }, 5000);
  try {
    return await work;
  } finally {
    clearInterval(ticker);
  }
}

/**
 * Runs a program and resolves to what it wrote on stdout; rejects with {@link CommandFailure} when it fails or takes longer than `seconds`.
 * `watch(elapsedSeconds)` gives the line that is shown every five seconds.
 */
export function runCommand(command, args, { cwd, env = {}, seconds = 3600, watch = (elapsed) => `${elapsed} s` } = {}) {
  mkdirSync(inEngine('tmp'), { recursive: true });
  const options = { cwd, env: toolEnvironment(env), signal: interruption.signal, stdio: ['ignore', 'pipe', 'pipe'] };
  const work = new Promise((resolve, reject) => {
    const child = spawn(command, args, options);
    const limit = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    let output = '';
    let stdout = '';
    child.stdout.on('data', (data) => {
      stdout += data;
      output = (output + data).slice(-200_000);
    });
    child.stderr.on('data', (data) => {
      output = (output + data).slice(-200_000);
    });
    child.on('error', (error) => {
      clearTimeout(limit);
      reject(new CommandFailure(command, 'did not start', error.message));
    });
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      if (code === 0) resolve(stdout);
      else if (signal === 'SIGKILL') reject(new CommandFailure(command, `was stopped after ${seconds} s`, output));
      else reject(new CommandFailure(command, `ended with ${code ?? signal}`, output));
    });
  });
  return withHeartbeat(work, watch);
}
