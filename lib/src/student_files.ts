import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mergeLora } from './adapters/merge_lora.js';
import { saveParams } from './adapters/param_files.js';
import { saveAdapter } from './adapters/peft_files.js';
import { writeJson } from './files/json.js';
import type { StudentModel } from './student_model.js';
import { disposeParams } from './tree/params.js';

/** How an encoder was trained: by a PEFT adapter beside its weights, or all of them. */
export type EncoderTraining = 'lora' | 'full';

/** The file that holds what was trained of the encoder. */
const encoderFiles: Readonly<Record<EncoderTraining, string>> = {
  lora: 'adapter_model.safetensors',
  full: 'model.safetensors',
};

/** What a folder holds of a trained encoder, and in which file; undefined where it holds nothing. */
export function trainedEncoder(folder: string): { readonly kind: EncoderTraining; readonly file: string } | undefined {
  const files = (['lora', 'full'] as const).map((kind) => ({ kind, file: join(folder, encoderFiles[kind]) }));
  return files.find(({ file }) => existsSync(file));
}

/**
 * Writes what was trained of the encoder into an existing folder: adapter_config.json and adapter_model.safetensors, or, of
 * one trained in full, config.json and model.safetensors under timm's names, which is a base that `student.weights` may name.
 */
export async function writeEncoder(folder: string, student: StudentModel): Promise<void> {
  const { params, spec, lora, config, sha256 } = student;
  if (lora !== null) return saveAdapter(folder, params.backbone, spec.backbone, lora, sha256);
  await saveParams(join(folder, encoderFiles.full), params.backbone, spec.backbone);
  await writeJson(join(folder, 'config.json'), config.backbone);
}

/** Writes the student with its adapters merged, as one checkpoint that needs nothing else. */
export async function writeFullModel(folder: string, student: StudentModel): Promise<void> {
  const merged = mergeLora(student.params);
  await saveParams(join(folder, 'student.safetensors'), merged, student.spec);
  await writeJson(join(folder, 'student.json'), student.config);
  disposeParams(merged);
}
