import type { Precision } from './adapters/quantize/leaves.js';
import { isMatrix } from './adapters/matrices.js';
import { describeEngine, type EngineDescription } from './engine/describe.js';
import { memory } from './engine/memory.js';
import { BadInput } from './host/errors.js';
import * as mobilenet from './models/mobilenet_v5.js';
import * as siglip from './models/siglip_vision.js';
import { nf4BlockSize, scaleBlockSize } from './ops/quantization_tables.js';
import type { Experiment } from './schema/generated/experiment.js';
import { flattenSpec, sizeOf, type Spec } from './tree/spec.js';
import { packedWeights, studentBaseConfig, teacherConfig, type PackedWeights } from './weights.js';

/** The precision of the frozen weights, and why. */
export interface PrecisionChoice {
  readonly chosen: Precision;
  readonly reason: string;
}

/** Bytes of a model's frozen weights in the native engine's memory; those that are stored packed stay as they are. */
export function frozenBytes(spec: Spec, precision: Precision, packed: PackedWeights = new Map()): number {
  let bytes = 0;
  for (const [path, param] of flattenSpec(spec)) {
    const values = sizeOf(param.shape);
    const blocks = Math.ceil(values / nf4BlockSize);
    const groups = Math.ceil(blocks / scaleBlockSize);
    const kept = packed.get(path) ?? (isMatrix(path, param) ? precision : 'fp32');
    if (kept === 'fp32') bytes += 4 * values;
    else if (kept === 'nf4') bytes += Math.ceil(values / 2) + groups * (scaleBlockSize + 4);
    else bytes += values + 4 * (param.shape[0] ?? 1);
  }
  return bytes;
}

/** What the choice depends on. */
export interface PrecisionInputs {
  readonly engine: Pick<EngineDescription, 'engine' | 'device'>;
  /** Free memory of the device that computes. */
  readonly freeBytes: number;
  /** Bytes of the larger tower's weights; teacher and student are not in memory at once. */
  readonly weightBytes: (precision: Precision) => number;
}

/** Weights may take this share of the free memory; the rest is for what is computed with them. */
const shareForWeights = 0.5;

function inMB(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

/**
 * The rule behind `auto`: full precision where the weights of the larger tower take at most half of the device's free
 * memory; else 8 bits where those do; else 4 bits. Engines that cannot keep packed weights stay at full precision. Any
 * other wish is granted. `llm_int8` is never chosen: it rounds activations too and is no faster here.
 */
export function choosePrecision(
  asked: Precision | 'auto',
  { engine, freeBytes, weightBytes }: PrecisionInputs,
): PrecisionChoice {
  if (asked !== 'auto') return { chosen: asked, reason: 'as the configuration asks' };
  if (engine.engine !== 'tensorflow') {
    return { chosen: 'fp32', reason: `the engine ${engine.engine} would keep packed weights in as much memory` };
  }
  const limit = shareForWeights * freeBytes;
  const chosen = (['fp32', 'int8'] as const).find((precision) => weightBytes(precision) <= limit) ?? 'nf4';
  const needed = `the larger tower's weights take ${inMB(weightBytes('fp32'))} at full precision`;
  const others = chosen === 'fp32' ? '' : ` and ${inMB(weightBytes(chosen))} at ${chosen}`;
  const where = `of ${inMB(freeBytes)} free on the ${engine.device === 'gpu' ? 'GPU' : 'machine'}`;
  return { chosen, reason: `${needed}${others}; half ${where} may be used for them` };
}

/** @throws BadInput when the whole encoder is to be trained and its weights would be packed. */
function checkTrainable({ adapter }: Pick<Experiment, 'adapter'>, precision: Precision, because: string): void {
  if (adapter !== null || precision === 'fp32') return;
  throw new BadInput({
    where: 'precision',
    expected: 'fp32, since adapter is null and packed weights cannot be trained',
    got: `${precision}, ${because}`,
    fix: 'set precision to fp32, or train an adapter',
  });
}

/** What stays as bitsandbytes stored it. */
function storedNote(role: string, packed: PackedWeights): string | undefined {
  const kinds = [...new Set(packed.values())].sort();
  if (kinds.length === 0) return undefined;
  return `${packed.size} weights of the ${role} are stored as ${kinds.join(' and ')} and stay so`;
}

/**
 * Chooses the precision of an experiment on this machine now.
 * @throws BadInput when the whole encoder is to be trained and the choice is not fp32, or its weights are stored packed.
 */
export async function experimentPrecision(experiment: Experiment): Promise<PrecisionChoice> {
  const { precision, teacher, student } = experiment;
  const engine = await describeEngine();
  const towers = [
    {
      role: 'teacher',
      spec: siglip.spec(teacherConfig(teacher.weights)) as Spec,
      packed: packedWeights(teacher.weights, 'siglip_vision'),
    },
    {
      role: 'student',
      spec: mobilenet.spec(studentBaseConfig(student.weights)) as Spec,
      packed: packedWeights(student.weights, 'mobilenet_v5'),
    },
  ];
  const gpu = engine.device === 'gpu' ? engine.gpus[0]?.memoryMB : undefined;
  const choice = choosePrecision(precision ?? 'auto', {
    engine,
    freeBytes: 1e6 * (gpu ?? memory().freeMB),
    weightBytes: (wanted) => Math.max(...towers.map(({ spec, packed }) => frozenBytes(spec, wanted, packed))),
  });
  checkTrainable(experiment, choice.chosen, choice.reason);
  const stored = towers.map(({ role, packed }) => storedNote(role, packed));
  const [kind] = towers[1]?.packed.values() ?? [];
  if (kind !== undefined) checkTrainable(experiment, kind, 'as its files are stored');
  return { ...choice, reason: [choice.reason, ...stored.filter((note) => note !== undefined)].join('; ') };
}

/** The precision that weights are opened with; before Conduit has chosen for `auto` it is the full one. */
export function openingPrecision({ precision = 'auto' }: Pick<Experiment, 'precision'>): Precision {
  return precision === 'auto' ? 'fp32' : precision;
}

/** {@link openingPrecision} of the student. @throws BadInput when its whole encoder is to be trained and it is not fp32. */
export function studentPrecision(experiment: Pick<Experiment, 'precision' | 'adapter'>): Precision {
  const precision = openingPrecision(experiment);
  checkTrainable(experiment, precision, 'as the configuration asks');
  return precision;
}
