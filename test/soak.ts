// Trains the preset `tiny` for STEPS (default 10,000) steps and prints how many tensors there are and how much memory the
// process takes on the way: `npm run soak [-- STEPS]`, into test/bench/soak.json. Ends with 1 where either grows.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { features, start } from 'gemma-3ncore/active';
import { formatSeconds } from 'gemma-3ncore/host/clock';
import { createRun, runPath } from 'gemma-3ncore/run_folder';
import { preset } from 'gemma-3ncore/schema/presets';
import { runStudent } from 'gemma-3ncore/student_run';
import { locateWeights, weightsHash } from 'gemma-3ncore/weights';
import { writeBench } from './support/bench.js';

interface Sample {
  readonly step: number;
  readonly tensors: number;
  /** Resident memory, and what of it JavaScript uses, in MB. */
  readonly rss: number;
  readonly heap: number;
}

interface Soak {
  /** Before training and after it, the student disposed. */
  readonly tensors: { readonly before: number; readonly after: number };
  readonly seconds: number;
  readonly samples: readonly Sample[];
}

const megabytes = (bytes: number): number => Math.round(bytes / 1e5) / 10;

/** RSS may wander by this much (MB) between collections. */
const slack = 32;

async function soak(folder: string, steps: number): Promise<Soak> {
  const tiny = preset('tiny');
  // Compiled at the first step and the first validation; checkpoints hold the history, which grows.
  const every = Math.max(1, Math.floor(steps / 20));
  const training = { ...tiny.training, steps, validate_every: every, checkpoint_every: every };
  const run = createRun(folder);
  writeFileSync(runPath(run, 'experiment.json'), JSON.stringify({ ...tiny, training }));
  const phase = await start(run);
  await features(phase);
  const samples: Sample[] = [];
  const before = tf.memory().numTensors;
  const { experiment, cohort, planned, prefix } = phase;
  const trained = await runStudent(
    {
      ...{ experiment, cohort, planned, prefix, features: phase.features, folder, resume: false },
      teacherHash: weightsHash(locateWeights(experiment.teacher.weights), experiment.seed),
      onEvent(event) {
        if (event.kind !== 'step' || (event.record.step + 1) % every !== 0) return;
        globalThis.gc?.();
        const sample = {
          step: event.record.step + 1,
          tensors: tf.memory().numTensors,
          rss: megabytes(process.memoryUsage.rss()),
          heap: megabytes(process.memoryUsage().heapUsed),
        };
        const { rss, heap, tensors } = sample;
        process.stdout.write(`step ${sample.step}: ${tensors} tensors, ${rss} MB, of it ${heap} MB of JavaScript\n`);
        samples.push(sample);
      },
    },
    'distilled',
  );
  trained.dispose();
  const after = tf.memory().numTensors;
  phase.features?.close();
  process.stdout.write(
    `${steps} steps in ${formatSeconds(trained.seconds)}, ${before} tensors before, ${after} after\n`,
  );
  return { tensors: { before, after }, seconds: Math.round(trained.seconds), samples };
}

/** What grew: from the first quarter, when everything is compiled and the pools are full, to the end. */
function growth({ samples, tensors: { before, after } }: Soak): string[] {
  const settled = samples.slice(Math.floor(samples.length / 4));
  const tensors = new Set(settled.map((sample) => sample.tensors));
  const rss = settled.map((sample) => sample.rss);
  const half = Math.floor(rss.length / 2);
  const grown = Math.max(...rss.slice(half)) - Math.max(...rss.slice(0, half));
  process.stdout.write(`RSS, second half against first: ${grown.toFixed(0)} MB\n`);
  return [
    ...(after > before ? [`the number of tensors from ${before} to ${after}`] : []),
    ...(tensors.size > 1 ? [`the number of tensors: ${[...tensors].join(', ')}`] : []),
    ...(grown > slack ? [`the memory of the process by ${grown.toFixed(0)} MB`] : []),
  ];
}

async function main(steps: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'soak-'));
  try {
    const found = await soak(folder, steps);
    const grown = growth(found);
    const { samples, ...outline } = found;
    await writeBench('soak', samples, {
      command: `npm run soak -- ${steps}`,
      steps,
      ...outline,
      flat: grown.length === 0,
    });
    process.stdout.write(grown.length === 0 ? 'flat\n' : `GREW: ${grown.join('; ')}\n`);
    process.exitCode = grown.length === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main(Number(process.argv[2] ?? 10_000));
