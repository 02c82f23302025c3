import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseLoraConfig, savedModuleOf } from './adapters/lora_config.js';
import { loadAdapter } from './adapters/peft_files.js';
import { loadRegressor, readRegressorInfo, type RegressorInfo } from './adapters/regressor_files.js';
import type { Preprocessing } from './data/preprocess.js';
import type { Student } from './distill/student.js';
import { readJson } from './files/json.js';
import { BadInput } from './host/errors.js';
import { projectPath } from './host/places.js';
import * as echoStudent from './models/echo_student.js';
import type { EchoStudentParams } from './models/echo_student.js';
import * as mobilenet from './models/mobilenet_v5.js';
import type { MobileNetV5Params } from './models/mobilenet_v5.js';
import type { MobileNetV5Config } from './models/mobilenet_v5_config.js';
import { trainedEncoder } from './student_files.js';
import { disposeParams } from './tree/params.js';
import { openStudentBase, type Tower } from './weights.js';

/** A student from the folder of an adapter, or of an encoder that was trained in full. */
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

/** The base that a regressor names, with its weights that the adapter leaves frozen at the precision of training. */
function openBase(folder: string, { base }: RegressorInfo): ReturnType<typeof openStudentBase> {
  const where = join(folder, 'adapter_config.json');
  const lora = parseLoraConfig(readJson(where), where);
  const isFrozen = (path: string): boolean => savedModuleOf(lora, path) === undefined;
  const opened = openStudentBase(base.weights, base.seed, base.precision, isFrozen);
  if (opened.sha256 === base.sha256) return opened;
  disposeParams(opened.params);
  throw new BadInput({
    where: `weights ${base.weights}`,
    expected: `those that the adapter was trained over (sha256 ${base.sha256})`,
    got: opened.sha256,
    fix: 'get the same version of them',
  });
}

/** The encoder with what was trained of it, and its configuration. */
function openEncoder(
  folder: string,
  info: RegressorInfo,
): Pick<Tower<MobileNetV5Config, MobileNetV5Params>, 'config' | 'params'> {
  if (trainedEncoder(folder)?.kind === 'full') return openStudentBase(folder, info.base.seed);
  const { config, params } = openBase(folder, info);
  try {
    return { config, params: loadAdapter(folder, params, mobilenet.spec(config)).params };
  } catch (error) {
    disposeParams(params);
    throw error;
  }
}

/** Whether weights are neither random nor one of the project's miniatures; they need not be there. */
function areForPatients(weights: string): boolean {
  const miniatures = projectPath('data-manifests', 'miniatures');
  const isOwn = existsSync(join(miniatures, weights, 'config.json')) || resolve(weights).startsWith(miniatures);
  return !isOwn && !weights.startsWith('random:');
}

/**
 * Opens a trained student from its folder: regressor, and the adapter with the base that the regressor names, or the whole
 * encoder. Whoever opens it disposes it.
 * @throws BadInput when a file is missing or malformed, or the base is another one.
 */
export function openTrainedStudent(folder: string): TrainedStudent {
  const info = readRegressorInfo(folder);
  const preprocessing = preprocessingOf(folder, info);
  const { config: backbone, params: encoder } = openEncoder(folder, info);
  const config = { backbone, fusion_size: info.fusionSize };
  const { fusion, heads } = echoStudent.spec(config);
  try {
    const params: EchoStudentParams = { ...loadRegressor(folder, { fusion, heads }), backbone: encoder };
    return {
      ...{ params, info, preprocessing },
      forPatients: areForPatients(info.base.weights),
      forward: (frames, dropoutKey) => echoStudent.forward(params, frames, config, { dropoutKey }),
      dispose: () => disposeParams(params),
    };
  } catch (error) {
    disposeParams(encoder);
    throw error;
  }
}
