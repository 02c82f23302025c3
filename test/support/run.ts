import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { RunRecord } from 'gemma-3ncore/run_record';
import type { Experiment } from 'gemma-3ncore/schema/generated/experiment';
import { preset } from 'gemma-3ncore/schema/presets';
import { trainedEncoder } from 'gemma-3ncore/student_files';

/** Writes the preset `tiny`, changed as a test likes, and gives the file. */
export function tinyConfig(
  file: string,
  training: Partial<Experiment['training']> = {},
  changes: Partial<Experiment> = {},
): string {
  const tiny = preset('tiny');
  writeFileSync(file, JSON.stringify({ ...tiny, ...changes, training: { ...tiny.training, ...training } }));
  return file;
}

/** Every file below a folder by its path there, sorted. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** What a killed or failed write would leave. */
export function unfinishedIn(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /\.(tmp|part)(\/|$)/.test(name));
}

export function runRecord(folder: string): RunRecord {
  return JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as RunRecord;
}

const models = { distilled: '.', baseline: 'baseline' } as const;

/** The newest adapter folder of a model. */
export function adapterOf(folder: string, model: keyof typeof models): string {
  const parent = join(folder, models[model], 'adapters');
  return join(parent, readdirSync(parent).sort().at(-1)!);
}

/** The bytes that the seed decides: both adapters, or encoders trained in full, with their regressors, and the predictions. */
export function resultBytes(folder: string): Record<string, Buffer> {
  const bytes: Record<string, Buffer> = { predictions: readFileSync(join(folder, 'predictions.csv')) };
  for (const model of ['distilled', 'baseline'] as const) {
    const adapter = adapterOf(folder, model);
    bytes[`${model}/encoder`] = readFileSync(trainedEncoder(adapter)!.file);
    bytes[`${model}/regressor`] = readFileSync(join(adapter, 'regressor.safetensors'));
  }
  return bytes;
}

/** Every line of a run's log that tells of a step or a validation, without its time. */
export function metricsOf(folder: string): unknown[] {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines
    .map((line) => ({ ...(JSON.parse(line) as { kind: string }), time: '' }))
    .filter(({ kind }) => kind === 'step' || kind === 'validation');
}
