import { loraConfig, type LoraConfig } from './adapters/lora_config.js';
import { savedModuleOf } from './adapters/lora_modules.js';
import { wrapLora } from './adapters/lora.js';
import type { Student } from './distill/student.js';
import * as echoStudent from './models/echo_student.js';
import type { EchoStudentConfig, EchoStudentParams } from './models/echo_student.js';
import type { MobileNetV5Params } from './models/mobilenet_v5.js';
import { openingPrecision } from './precision.js';
import type { Experiment } from './schema/generated/experiment.js';
import { disposeParams, initialise, trainable } from './tree/params.js';
import { fold, rootKey } from './tree/random.js';
import { openStudentBase } from './weights.js';

/** The student of an experiment: a frozen encoder at the experiment's precision with LoRA (over 8 or 4 bits QLoRA), fusion and heads that are trained in full. */
export interface StudentModel extends Student {
  readonly config: EchoStudentConfig;
  readonly params: EchoStudentParams;
  readonly spec: ReturnType<typeof echoStudent.spec>;
  readonly lora: LoraConfig;
  /** Of the encoder's weights. */
  readonly sha256: string;
  dispose(): void;
}

/** PEFT's configuration of an experiment's adapter; its base is the encoder. */
export function adapterConfig({ adapter, student }: Experiment): LoraConfig {
  return loraConfig({ ...adapter, base_model_name_or_path: student.weights } as Parameters<typeof loraConfig>[0]);
}

/**
 * Builds the student; the same seed gives the same initial weights, with or without distillation. `features` are the encoder's
 * that the bridges ask for. Whoever builds it disposes it.
 */
export function buildStudent(experiment: Experiment, features: readonly string[]): StudentModel {
  const { seed, student } = experiment;
  const lora = adapterConfig(experiment);
  const isFrozen = (path: string): boolean => savedModuleOf(lora, path) === undefined;
  const base = openStudentBase(student.weights, seed, openingPrecision(experiment), isFrozen);
  const config: EchoStudentConfig = { backbone: base.config, fusion_size: student.fusion_size };
  const spec = echoStudent.spec(config);
  const key = fold(rootKey(seed), 'student');
  const backbone = wrapLora<MobileNetV5Params>(base.params, spec.backbone, lora, fold(key, 'lora'));
  const rest = trainable(initialise({ fusion: spec.fusion, heads: spec.heads }, key));
  const params: EchoStudentParams = { backbone, ...rest };
  return {
    config,
    params,
    spec,
    lora,
    sha256: base.sha256,
    forward: (frames, dropoutKey) => echoStudent.forward(params, frames, config, { features, dropoutKey }),
    dispose: () => disposeParams(params),
  };
}
