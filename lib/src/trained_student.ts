import { join } from 'node:path';
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
import type { MobileNetV5Params } from './models/mobilenet_v5.js';
import { disposeParams } from './tree/params.js';
import { locateWeights, openStudentBase, studentBaseConfig } from './weights.js';

/** A student from an adapter's folder. */
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

/**
 * Opens a trained student from its adapter's folder: adapter, regressor, and the base that the regressor names. Whoever opens
 * it disposes it. @throws BadInput when a file is missing or malformed, or the base is another one.
 */
export function openTrainedStudent(folder: string): TrainedStudent {
  const info = readRegressorInfo(folder);
  const preprocessing = preprocessingOf(folder, info);
  const place = locateWeights(info.base.weights);
  const config = { backbone: studentBaseConfig(info.base.weights), fusion_size: info.fusionSize };
  const { backbone: backboneSpec, fusion, heads } = echoStudent.spec(config);
  const rest = loadRegressor(folder, { fusion, heads });
  let backbone: MobileNetV5Params | undefined;
  try {
    backbone = openBase(folder, info).params;
    const params: EchoStudentParams = { ...rest, backbone: loadAdapter(folder, backbone, backboneSpec).params };
    return {
      ...{ params, info, preprocessing },
      forPatients: place.kind === 'folder' && !place.folder.startsWith(projectPath('data-manifests', 'miniatures')),
      forward: (frames, dropoutKey) => echoStudent.forward(params, frames, config, { dropoutKey }),
      dispose: () => disposeParams(params),
    };
  } catch (error) {
    disposeParams(rest);
    if (backbone !== undefined) disposeParams(backbone);
    throw error;
  }
}
