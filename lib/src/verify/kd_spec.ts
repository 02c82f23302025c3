import { isJsonObject, readJsonObject, type JsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';

/** How a distillation of goldens/kd is trained. */
export interface KdSpec {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weight_decay: number;
  /** Optimizer steps. */
  readonly steps: number;
  /** Micro-batches of a step; that of number k is `(step · accum + k) % num_micro_batches`. */
  readonly accum: number;
  readonly num_micro_batches: number;
  readonly grid: number;
  readonly feature_weight_start: number;
  readonly feature_weight_end: number;
  readonly task_weight_start: number;
  readonly task_weight_end: number;
  readonly ramp_steps: number;
  readonly max_grad_norm: number | null;
}

/** What the reference logged of a step: means over studies and elements. */
export interface KdLogEntry {
  readonly feature_weight: number;
  readonly task_weight: number;
  readonly micro: readonly { readonly feature: number; readonly task: number; readonly total: number }[];
  readonly mean_total: number;
  readonly grad_norm_before_clip: number;
}

/** A file kd.json. */
export interface KdFile {
  readonly spec: KdSpec;
  readonly log: readonly KdLogEntry[];
  /** Folder of the teacher, relative to the golden root, and its feature that is matched. */
  readonly teacher: { readonly base: string; readonly feature: string };
  /** The same of the student, and what differs from its config.json. */
  readonly student: { readonly base: string; readonly overrides: JsonObject };
}

function refuse(path: string, field: string, expected: string, got: unknown): never {
  throw new BadInput({ where: `${path}, field ${field}`, expected, got: JSON.stringify(got) ?? 'nothing' });
}

function objectField(json: JsonObject, field: string, path: string): JsonObject {
  const value = json[field];
  return isJsonObject(value) ? value : refuse(path, field, 'an object', value);
}

function textField(json: JsonObject, field: string, path: string): string {
  const value = json[field];
  return typeof value === 'string' ? value : refuse(path, field, 'a text', value);
}

const numbers = [
  ...['lr', 'eps', 'weight_decay', 'steps', 'accum', 'num_micro_batches', 'grid', 'ramp_steps'],
  ...['feature_weight_start', 'feature_weight_end', 'task_weight_start', 'task_weight_end'],
];

function specOf(json: JsonObject, path: string): KdSpec {
  for (const field of numbers) {
    if (!Number.isFinite(json[field])) refuse(path, `spec.${field}`, 'a number', json[field]);
  }
  const { betas, max_grad_norm: clip } = json;
  const isPair = Array.isArray(betas) && betas.length === 2 && betas.every(Number.isFinite);
  if (!isPair) refuse(path, 'spec.betas', 'two numbers', betas);
  if (clip !== null && !Number.isFinite(clip)) refuse(path, 'spec.max_grad_norm', 'a number or null', clip);
  return json as unknown as KdSpec;
}

function isLogged(entry: unknown, { accum }: KdSpec): boolean {
  if (!isJsonObject(entry) || !Array.isArray(entry['micro'])) return false;
  const micro = entry['micro'] as unknown[];
  const totals = ['feature_weight', 'task_weight', 'mean_total', 'grad_norm_before_clip'];
  const hasAll = (object: unknown, fields: readonly string[]): boolean =>
    isJsonObject(object) && fields.every((field) => typeof object[field] === 'number');
  return hasAll(entry, totals) && micro.length === accum && micro.every((m) => hasAll(m, ['feature', 'task', 'total']));
}

function logOf(log: unknown, spec: KdSpec, path: string): readonly KdLogEntry[] {
  const entries = Array.isArray(log) ? (log as unknown[]) : [];
  const bad = entries.findIndex((entry) => !isLogged(entry, spec));
  if (bad >= 0)
    refuse(path, `log[${bad}]`, `weights, norm and the losses of ${spec.accum} micro-batches`, entries[bad]);
  if (entries.length !== spec.steps) refuse(path, 'log', `${spec.steps} steps`, entries.length);
  return entries as KdLogEntry[];
}

/**
 * Reads a file kd.json.
 * @throws BadInput naming the field that is missing or malformed.
 */
export function readKdFile(path: string): KdFile {
  const json = readJsonObject(path);
  const spec = specOf(objectField(json, 'spec', path), path);
  const teacher = textField(json, 'teacher', path);
  const { base, ...overrides } = objectField(json, 'student', path);
  return {
    spec,
    log: logOf(json['log'], spec, path),
    teacher: {
      base: teacher.split(' ')[0] as string,
      feature: /feature map = ([\w.]+)/.exec(teacher)?.[1] ?? 'last_hidden_state',
    },
    student: { base: textField({ base }, 'base', `${path}, field student`), overrides },
  };
}
