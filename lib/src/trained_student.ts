import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseLoraConfig } from './adapters/lora_config.js';
import { savedModuleOf } from './adapters/lora_modules.js';
import { loadAdapter } from './adapters/peft_files.js';
import { loadRegressor, readRegressorInfo, type RegressorInfo } from './adapters/regressor_files.js';
import type { Preprocessing } from './data/preprocess.js';
import type { Student } from './distill/student.js';
import { readJson } from './files/json.js';
import { BadInput } from './host/errors.js';
import { projectPath } from './host/places.js';
import * as echoStudent from './models/echo_student.js';
import type { EchoStudentParams } from './models/echo_student.js';
import type { MobileNetV5Params } from './models/mobilenet_v5.js';
import { trainedEncoder } from './student_files.js';
import { disposeParams } from './tree/params.js';
import type { Spec } from './tree/spec.js';
import { openStudentBase, studentBaseConfig } from './weights.js';

/** A student from the folder of what was trained. */
export interface TrainedStudent extends Student {
  readonly params: EchoStudentParams;
  readonly info: RegressorInfo;
  readonly preprocessing: Preprocessing;
  /** Whether the base is more than random weights or one of the project's miniatures, which never saw a patient. */
  readonly forPatients: boolean;
  dispose(): void;
}

function preprocessingOf(folder: string, { preprocessing }: RegressorInfo): Preprocessing {
  const { height, width, resample, rescale_factor, mean, std } = preprocessing;
  const isTriple = (value: unknown): boolean =>
    Array.isArray(value) && value.length === 3 && value.every((v) => Number.isFinite(v));
  const fits =
    [height, width].every((side) => Number.isInteger(side) && (side as number) > 0 && (side as number) <= 4096) &&
    (resample === 'bilinear' || resample === 'bicubic') &&
    Number.isFinite(rescale_factor) &&
    isTriple(mean) &&
    isTriple(std);
  if (fits) return preprocessing as unknown as Preprocessing;
  throw new BadInput({
    where: `${join(folder, 'regressor.json')}, field preprocessing`,
    expected: 'height, width, resample, rescale_factor, mean and std',
    got: JSON.stringify(preprocessing),
  });
}

/** The base that a regressor names, with its weights that the adapter leaves frozen at the precision of training, and the adapter. */
function openAdapted(folder: string, { base }: RegressorInfo, spec: Spec): MobileNetV5Params {
  const where = join(folder, 'adapter_config.json');
  const lora = parseLoraConfig(readJson(where), where);
  const isFrozen = (path: string): boolean => savedModuleOf(lora, path) === undefined;
  const { params, sha256 } = openStudentBase(base.weights, base.seed, base.precision, isFrozen);
  try {
    if (sha256 === base.sha256) return loadAdapter(folder, params, spec, { name: base.weights, sha256 }).params;
    throw new BadInput({
      where: `weights ${base.weights}`,
      expected: `those that the adapter was trained over (sha256 ${base.sha256})`,
      got: sha256,
      fix: 'get the same version of them',
    });
  } catch (error) {
    disposeParams(params);
    throw error;
  }
}

/** Whether weights are more than random ones or one of the project's miniatures, which never saw a patient. */
function areForPatients(weights: string): boolean {
  return !weights.startsWith('random:') && !existsSync(projectPath('data-manifests', 'miniatures', weights));
}

/**
 * Opens a trained student from its folder: regressor, and either the adapter over the base that the regressor names or the
 * encoder that was trained in full. Whoever opens it disposes it.
 * @throws BadInput when a file is missing or malformed, or the base is another one.
 */
export function openTrainedStudent(folder: string): TrainedStudent {
  const info = readRegressorInfo(folder);
  const preprocessing = preprocessingOf(folder, info);
  const isFull = trainedEncoder(folder)?.kind === 'full';
  const config = {
    backbone: studentBaseConfig(isFull ? folder : info.base.weights),
    fusion_size: info.fusionSize,
  };
  const spec = echoStudent.spec(config);
  const rest = loadRegressor(folder, { fusion: spec.fusion, heads: spec.heads });
  try {
    const backbone = isFull ? openStudentBase(folder, info.base.seed).params : openAdapted(folder, info, spec.backbone);
    const params: EchoStudentParams = { ...rest, backbone };
    return {
      ...{ params, info, preprocessing, forPatients: areForPatients(info.base.weights) },
      forward: (frames, dropoutKey) => echoStudent.forward(params, frames, config, { dropoutKey }),
      dispose: () => disposeParams(params),
    };
  } catch (error) {
    disposeParams(rest);
    throw error;
  }
}
