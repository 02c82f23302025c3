import { mkdirSync, rmSync } from 'node:fs';
import { CommandFailure, stopOnSignals } from './command.mjs';
import { SetupFailure } from './failure.mjs';
import { takeLock } from './lock.mjs';
import { inEngine } from './project.mjs';
import { writeReport } from './report.mjs';
import { runStep, steps } from './steps.mjs';

const usage = `usage: node kernels/setup.mjs [--only ${steps.map(({ name }) => name).join(',')}] [--force]`;

/** Sets the clone up (the named steps, else all); resolves to the report that `.engine/setup.json` holds. */
export async function setUp({ only, force = false } = {}) {
  await takeLock();
  process.env.TMPDIR = inEngine('tmp');
  mkdirSync(inEngine('tmp'), { recursive: true });
  const results = [];
  try {
    for (const step of steps.filter(({ name }) => only === undefined || only.includes(name))) {
      const result = await runStep(step, { force });
      results.push(result);
      if (result.status === 'done') tell(`${result.name}: ${result.detail} (${result.seconds} s)`);
      if (result.warning !== undefined) tell(`${result.name}: ${result.warning}`);
    }
  } finally {
    rmSync(inEngine('tmp'), { recursive: true, force: true });
  }
  return writeReport(results);
}

/** Runs set-up as a program: exit code 2 with one sentence where something is missing. */
export async function main(args) {
  const begun = performance.now();
  stopOnSignals();
  try {
    const report = await setUp(readOptions(args));
    const worked = report.steps.some(({ status }) => status === 'done');
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    if (worked) tell(report.disk.map(({ folder, megabytes }) => `${folder} ${megabytes} MB`).join(', '));
    tell(`${worked ? 'done' : 'nothing to do'} in ${seconds} s`);
  } catch (error) {
    if (!(error instanceof SetupFailure || error instanceof CommandFailure)) throw error;
    tell(error.message);
    process.exitCode = 2;
  }
}

function readOptions(args) {
  const options = {};
  for (let at = 0; at < args.length; at += 1) {
    if (args[at] === '--force') options.force = true;
    else if (args[at] === '--only') options.only = readNames(args[(at += 1)] ?? '');
    else throw new SetupFailure(`${args[at]} is not an option`, usage);
  }
  return options;
}

function readNames(list) {
  const known = steps.map(({ name }) => name);
  const names = list.split(',');
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new SetupFailure(`"${unknown}" is not a step of set-up`, usage);
  return names;
}

function tell(message) {
  process.stderr.write(`set-up: ${message}\n`);
}
