import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { loadAdapter } from '../adapters/peft_files.js';
import { loadRegressor, readRegressorInfo, type RegressorInfo } from '../adapters/regressor_files.js';
import { openSafetensors } from '../files/safetensors.js';
import * as echo from '../models/echo_student.js';
import type { MobileNetV5Params } from '../models/mobilenet_v5.js';
import type { MobileNetV5Config } from '../models/mobilenet_v5_config.js';
import { dense } from '../tree/leaf.js';
import { disposeParams, load, mapParams } from '../tree/params.js';
import type { Student } from './student.js';

/** A trained student read back from its files, and what it needs to be used. */
export interface TrainedStudent {
  readonly student: Student;
  readonly info: RegressorInfo;
  dispose(): void;
}

function loadWhole(folder: string, config: echo.EchoStudentConfig): echo.EchoStudentParams {
  const source = openSafetensors(join(folder, 'model.safetensors'));
  try {
    return load(echo.spec(config), source);
  } finally {
    source.close();
  }
}

function loadAdapted(folder: string, config: echo.EchoStudentConfig, base: MobileNetV5Params): echo.EchoStudentParams {
  const { backbone: backboneSpec, fusion, heads } = echo.spec(config);
  const shared = mapParams(base, (leaf) => (leaf.kind === 'dense' ? dense(tf.clone(leaf.value)) : leaf));
  try {
    const { params: backbone } = loadAdapter(folder, shared, backboneSpec);
    return { backbone, ...loadRegressor(folder, { fusion, heads }) };
  } catch (error) {
    disposeParams(shared);
    throw error;
  }
}

/**
 * The student of a folder that a trainee was saved to: its adapter on the encoder it was trained from, or the whole
 * student. The base stays the caller's.
 * @throws BadInput naming what in the folder is missing, malformed or not the encoder's.
 */
export function loadTrained(folder: string, base: MobileNetV5Params, backbone: MobileNetV5Config): TrainedStudent {
  const info = readRegressorInfo(folder);
  const config: echo.EchoStudentConfig = { backbone, fusion_size: info.fusionSize };
  const isWhole = !existsSync(join(folder, 'adapter_config.json')) && existsSync(join(folder, 'model.safetensors'));
  const params = isWhole ? loadWhole(folder, config) : loadAdapted(folder, config, base);
  return {
    info,
    student: { params, forward: (frames, dropoutKey) => echo.forward(params, frames, config, { dropoutKey }) },
    dispose: () => disposeParams(params),
  };
}
