import * as tf from '@tensorflow/tfjs';
import type { Precision } from './adapters/quantize/leaves.js';
import { memory } from './engine/memory.js';
import * as mobilenet from './models/mobilenet_v5.js';
import * as siglip from './models/siglip_vision.js';
import type { FeatureMap } from './models/features.js';
import { frozenBytes, openingPrecision } from './precision.js';
import { table } from './report/table.js';
import type { Experiment } from './schema/generated/experiment.js';
import type { ReportTable } from './schema/generated/reports.js';
import { disposeParams } from './tree/params.js';
import type { Params, Spec } from './tree/spec.js';
import {
  openStudentBase,
  openTeacher,
  packedWeights,
  studentBaseConfig,
  teacherConfig,
  type PackedWeights,
} from './weights.js';

/** A tower as the comparison runs it. */
interface Tower {
  readonly name: string;
  readonly spec: Spec;
  readonly packed: PackedWeights;
  /** Its weights at a precision and its features with them. */
  open(precision: Precision): { readonly params: Params; forward(): FeatureMap };
}

type Values = ReadonlyMap<string, Float32Array>;

const layers = /^(hidden_states\.\d+|last_hidden_state|blocks\.\d+\.\d+|output)$/;

/** The outputs of a tower's layers; its weights are in memory only meanwhile. */
function outputsAt({ open }: Tower, precision: Precision): Values {
  const { params, forward } = open(precision);
  const features = tf.tidy(forward);
  const values = Object.entries(features)
    .filter(([name]) => layers.test(name))
    .map(([name, tensor]) => [name, tensor.dataSync<'float32'>().slice()] as const);
  tf.dispose(features);
  disposeParams(params);
  return new Map(values);
}

/** ‖actual − exact‖ / ‖exact‖. */
function relativeError(actual: Float32Array, exact: Float32Array): number {
  const squares = (of: (i: number) => number): number => exact.reduce((sum, _, i) => sum + of(i) ** 2, 0);
  const difference = squares((i) => (actual[i] as number) - (exact[i] as number));
  return Math.sqrt(difference / squares((i) => exact[i] as number));
}

function towersOf({ teacher, student, seed }: Experiment, images: TowerImages): Tower[] {
  return [
    {
      name: 'teacher',
      spec: siglip.spec(teacherConfig(teacher.weights)),
      packed: packedWeights(teacher.weights, 'siglip_vision'),
      open(precision) {
        const { params, config } = openTeacher(teacher.weights, seed, precision);
        return {
          params,
          forward: () => siglip.forward(params, images.teacher, config, { interpolatePosEncoding: true }),
        };
      },
    },
    {
      name: 'student',
      spec: mobilenet.spec(studentBaseConfig(student.weights)),
      packed: packedWeights(student.weights, 'mobilenet_v5'),
      open(precision) {
        const { params, config } = openStudentBase(student.weights, seed, precision);
        return { params, forward: () => mobilenet.forward(params, images.student, config) };
      },
    },
  ];
}

/** One frame as each tower takes it. */
export interface TowerImages {
  readonly teacher: tf.Tensor4D;
  readonly student: tf.Tensor4D;
}

/**
 * The error of every layer's output against full precision on one frame, ‖Δ‖/‖y‖ in %, for both towers; undefined at
 * full precision. A tower whose weights do not fit into the free memory at full precision, or are stored packed, is left out.
 */
export function precisionErrors(experiment: Experiment, images: TowerImages): ReportTable | undefined {
  const precision = openingPrecision(experiment);
  if (precision === 'fp32') return undefined;
  const measured = towersOf(experiment, images).filter(
    ({ spec, packed }) => packed.size === 0 && frozenBytes(spec, 'fp32') < 1e6 * memory().freeMB,
  );
  if (measured.length === 0) return undefined;
  const rows = measured.flatMap((tower) => {
    const [actual, exact] = [outputsAt(tower, precision), outputsAt(tower, 'fp32')];
    return [...exact].map(([layer, values]) => ({
      tower: tower.name,
      layer,
      error: 100 * relativeError(actual.get(layer) as Float32Array, values),
    }));
  });
  const columns = [
    { name: 'tower', title: 'tower' },
    { name: 'layer', title: 'output of' },
    { name: 'error', title: 'error against fp32', unit: '%', digits: 3 },
  ];
  return table('precision', `Error of each layer's output at ${precision} on one frame`, rows, columns);
}
