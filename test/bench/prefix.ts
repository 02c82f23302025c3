import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { createAdamW } from 'gemma-3ncore/distill/adamw';
import { microBatch } from 'gemma-3ncore/distill/batches';
import type { TrainData } from 'gemma-3ncore/distill/data';
import type { Student } from 'gemma-3ncore/distill/student';
import { createTrainStep, type TrainStep } from 'gemma-3ncore/distill/train_step';
import { trainedVariables } from 'gemma-3ncore/distill/variables';
import { openEngine } from 'gemma-3ncore/engine/open';
import { monotonicMs } from 'gemma-3ncore/host/clock';
import type { Experiment } from 'gemma-3ncore/schema/generated/experiment';
import { preset } from 'gemma-3ncore/schema/presets';
import { buildStudent } from 'gemma-3ncore/student_model';
import { prefixMaps, studentPrefix } from 'gemma-3ncore/student_prefix';
import { trainData } from 'gemma-3ncore/training_data';
import { writeBench } from '../support/bench.js';
import { cohortInMemory, noiseStudies } from '../support/cohort.js';

/** Alternating pairs of micro-batches; the first of each compiles. */
const rounds = 6;

/** Presets whose last stage and fusion alone are adapted. */
const cases: readonly (readonly [name: 'phantom' | 'medsiglip-gemma3n', weights: string, batch: number])[] = [
  ['phantom', 'mobilenetv5-shapes', 8],
  ['medsiglip-gemma3n', 'random:mobilenetv5_300m_enc', 2],
];

function experimentOf(name: 'phantom' | 'medsiglip-gemma3n', weights: string): Experiment {
  const found = preset(name);
  const target_modules = '.*(blocks\\.3\\..*|msfa\\.ffn\\.).*(pw_exp\\.conv|pw_proj\\.conv|query\\.proj|output\\.proj)';
  return {
    ...found,
    student: { ...found.student, weights },
    bridges: [],
    adapter: { ...found.adapter!, target_modules },
  };
}

/** Milliseconds of a micro-batch: its inputs from frames or from the cache, forward and backward pass. */
async function micro(
  step: TrainStep,
  data: TrainData,
  batch: number,
  standardisation: Parameters<typeof microBatch>[1],
) {
  const begun = monotonicMs();
  const chunk = { indices: data.train.slice(0, batch), valid: batch };
  const inputs = await microBatch(data, standardisation, chunk, { task: 1, feature: 0 }, [0, 0], false);
  const { task } = await step.accumulate(inputs);
  await task.data();
  const ms = monotonicMs() - begun;
  tf.dispose([...Object.values(inputs), task] as tf.TensorContainer);
  return ms;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

async function measure(name: 'phantom' | 'medsiglip-gemma3n', weights: string, batch: number) {
  const experiment = experimentOf(name, weights);
  const prefix = studentPrefix(experiment)!;
  const { height } = experiment.student.preprocessing;
  const cohort = cohortInMemory(noiseStudies(batch));
  const maps = await prefixMaps(experiment, prefix, cohort, cohort.train);
  const student = buildStudent(experiment, []);
  const variables = [...trainedVariables(student, []).values()];
  const optimizer = createAdamW(variables, { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 });
  const stepOf = (of: Student): TrainStep =>
    createTrainStep({ student: of, bridges: [], variables, optimizer, max_grad_norm: 1 });
  const ways = [
    { step: stepOf(student), data: trainData(experiment, cohort, () => []), ms: [] as number[] },
    {
      step: stepOf(student.after(prefix)),
      data: trainData(experiment, cohort, () => [], maps.pairs),
      ms: [] as number[],
    },
  ] as const;
  for (let round = 0; round < rounds; round++) {
    for (const { step, data, ms } of ways) ms.push(await micro(step, data, batch, cohort.standardisation));
  }
  const [frames, kept] = ways.map(({ ms }) => median(ms.slice(1))) as [number, number];
  maps.close();
  return {
    ...{ student: weights, pixels: height, batch, after: prefix.after, MB_a_frame: prefix.bytes / 1e6 },
    ...{ forwardShare: Number(prefix.share.toFixed(3)), framesMs: Math.round(frames), keptMs: Math.round(kept) },
    speedUp: Number((frames / kept).toFixed(2)),
  };
}

/** What training from the cached outputs of the frozen blocks saves in a micro-batch; into test/bench/prefix.json. */
async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'prefix-'));
  process.env['NCORE_CACHE'] = folder;
  try {
    await openEngine();
    const results = [];
    for (const [name, weights, batch] of cases) {
      const result = await measure(name, weights, batch);
      process.stdout.write(`${JSON.stringify(result)}\n`);
      results.push(result);
    }
    await writeBench('prefix', results, { rounds });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

void main();
