// LoRA and QLoRA on phantoms: the preset `phantom` over frozen weights of each precision, three training seeds each, into
// test/bench/qlora.json. Which tower is quantized stands in every row: `precision` of a configuration is that of both.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Precision } from 'gemma-3ncore/adapters/quantize/leaves';
import { bootstrap } from 'gemma-3ncore/analysis/bootstrap';
import { planBridges } from 'gemma-3ncore/bridges';
import { openFramePool } from 'gemma-3ncore/data/frame_pool';
import { openFrameSource } from 'gemma-3ncore/data/frame_source';
import { openEngine } from 'gemma-3ncore/engine/open';
import { preset } from 'gemma-3ncore/schema/presets';
import { runStudent, type StudentRun } from 'gemma-3ncore/student_run';
import { openStudies } from 'gemma-3ncore/studies';
import { teacherFeatures } from 'gemma-3ncore/teacher_features';
import { cohortOf, decodeAll, type Cohort } from 'gemma-3ncore/training_data';
import { locateWeights, weightsHash } from 'gemma-3ncore/weights';
import { writeBench } from '../support/bench.js';

const seeds = [0, 1, 2];

/** QLoRA's EF MAE may be this many times LoRA's. */
const allowedRatio = 1.1;

/** The frozen weights of each tower; the first is LoRA. */
const arms: readonly { readonly student: Precision; readonly teacher: Precision }[] = [
  { student: 'fp32', teacher: 'fp32' },
  { student: 'int8', teacher: 'fp32' },
  { student: 'nf4', teacher: 'fp32' },
  { student: 'int8', teacher: 'int8' },
  { student: 'nf4', teacher: 'nf4' },
];

/** |EF − EF_pred| of each TEST study, in their order. */
function efErrors({ decoded, test }: Cohort, { predictions }: StudentRun): number[] {
  return test.map((i) => Math.abs((decoded[i]?.study.EF as number) - (predictions.get(i)?.[2] as number)));
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

/** Trains with every seed on a teacher's features; each run has trained all that it may train. */
async function errorsOfArm({ student, teacher }: (typeof arms)[number], cohort: Cohort): Promise<number[][]> {
  const experiment = preset('phantom');
  const planned = planBridges(experiment);
  const features = await teacherFeatures({ ...experiment, precision: teacher }, planned, cohort, []);
  const teacherHash = weightsHash(locateWeights(experiment.teacher.weights), experiment.seed);
  const errors: number[][] = [];
  for (const seed of seeds) {
    const folder = mkdtempSync(join(tmpdir(), '3ncore-qlora-'));
    const of = { experiment: { ...experiment, seed, precision: student }, cohort, planned, features, teacherHash };
    const run = await runStudent(
      { ...of, prefix: undefined, folder, resume: false, onEvent: () => undefined },
      'distilled',
    );
    assert.deepEqual(run.result.untrained, [], `${student}, seed ${seed}: leaves without a gradient`);
    errors.push(efErrors(cohort, run));
    process.stderr.write(`student ${student}, teacher ${teacher}, seed ${seed}: ${run.seconds.toFixed(0)} s\n`);
    run.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
  features.close();
  return errors;
}

async function main(): Promise<void> {
  await openEngine();
  const { studies } = await openStudies(preset('phantom'));
  const pool = openFramePool();
  const { decoded } = await decodeAll(pool, studies);
  const cohort = cohortOf(decoded, openFrameSource(pool), preset('phantom').data.labelled);
  const patients = cohort.test.map((i) => cohort.decoded[i]?.study.patient as string);
  /** Of each arm and TEST study the mean over the seeds. */
  const studyErrors: number[][] = [];
  const results = [];
  for (const arm of arms) {
    const errors = await errorsOfArm(arm, cohort);
    const ofStudies = patients.map((_, i) => meanOf(errors.map((ofSeed) => ofSeed[i] as number)));
    studyErrors.push(ofStudies);
    const lora = studyErrors[0] as number[];
    const { mae, ratio } = bootstrap(patients, (rows) => {
      const over = (of: readonly number[]): number => meanOf(rows.map((row) => of[row] as number));
      return { mae: over(ofStudies), ratio: over(ofStudies) / over(lora) };
    });
    const result = { ...arm, mae, maeOfSeeds: errors.map(meanOf), ratio, within: ratio.value <= allowedRatio };
    process.stdout.write(`${JSON.stringify(result)}\n`);
    results.push(result);
  }
  const conditions = { preset: 'phantom', seeds, testStudies: patients.length, allowedRatio };
  await writeBench('qlora', results, {
    ...conditions,
    about: 'EF MAE (%) on TEST, intervals by patient, ratio to LoRA',
  });
  if (results.some(({ within }) => !within)) process.exitCode = 1;
}

void main();
