// The real experiment's preset with random weights of full size on five phantoms: `npm run bench:dry-run` (minutes, 24 GiB).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runActive } from 'gemma-3ncore/active';
import { runConduit } from 'gemma-3ncore/conduit';
import { memory } from 'gemma-3ncore/engine/memory';
import { writeJson } from 'gemma-3ncore/files/json';
import { readReport } from 'gemma-3ncore/report/report';
import { runReservoir } from 'gemma-3ncore/reservoir';
import { createRun, runPath } from 'gemma-3ncore/run_folder';
import { realPresetOnPhantoms } from '../support/real_preset.js';

async function timed(what: string, work: () => Promise<void>): Promise<void> {
  const begun = performance.now();
  await work();
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  process.stdout.write(`${what}: ${seconds} s, peak so far ${Math.round(memory().peakRssMB)} MB\n`);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), '3ncore-dry-run-'));
  process.env['NCORE_CACHE'] = join(folder, 'cache');
  try {
    const run = createRun(join(folder, 'run'));
    const experiment = realPresetOnPhantoms('random:siglip-so400m-14-448', 'random:mobilenetv5_300m_enc');
    await writeJson(runPath(run, 'experiment.json'), experiment);
    await timed('Reservoir', () => runReservoir(run));
    await timed('Conduit', () => runConduit(run));
    await timed('Active', () => runActive(run));
    const { teacher, student } = readReport(run.folder, 'reservoir').body.cost;
    for (const { name, parameters, ms } of [teacher, student]) {
      process.stdout.write(`${name}: ${(parameters / 1e6).toFixed(1)} M parameters, ${ms} ms a frame\n`);
    }
    const estimates = readReport(run.folder, 'conduit').tables.find(({ name }) => name === 'estimates');
    for (const { what, value } of estimates?.rows ?? []) process.stdout.write(`estimate, ${what}: ${value}\n`);
    const { training, adapters } = readReport(run.folder, 'active').body;
    for (const { model, steps, seconds } of training) {
      process.stdout.write(`trained ${model}: ${steps} steps in ${seconds.toFixed(0)} s\n`);
    }
    for (const { parameters } of adapters) process.stdout.write(`adapter: ${parameters} parameters\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
