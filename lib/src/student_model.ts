import { loraConfig, type LoraConfig } from './adapters/lora_config.js';
import { savedModuleOf } from './adapters/lora_modules.js';
import { wrapLora } from './adapters/lora.js';
import type { Student } from './distill/student.js';
import * as echoStudent from './models/echo_student.js';
import type { EchoStudentConfig, EchoStudentParams } from './models/echo_student.js';
import type { MobileNetV5Params } from './models/mobilenet_v5.js';
import type { FrozenPrefix } from './models/mobilenet_v5_prefix.js';
import { studentPrecision } from './precision.js';
import type { Experiment } from './schema/generated/experiment.js';
import { disposeParams, initialise, trainable } from './tree/params.js';
import { fold, rootKey } from './tree/random.js';
import { openStudentBase } from './weights.js';

/**
 * The student of an experiment: a frozen encoder at the experiment's precision with LoRA (over 8 or 4 bits QLoRA), or one that
 * is trained in full; fusion and heads always are.
 */
export interface StudentModel extends Student {
  readonly config: EchoStudentConfig;
  readonly params: EchoStudentParams;
  readonly spec: ReturnType<typeof echoStudent.spec>;
  /** Null: the encoder's own weights are trained. */
  readonly lora: LoraConfig | null;
  /** Of the encoder's weights as they were opened. */
  readonly sha256: string;
  /** The same student, which takes what its frozen prefix makes of frames in their place. */
  after(prefix: FrozenPrefix): Student;
  dispose(): void;
}

/** PEFT's configuration of an experiment's adapter, whose base is the encoder; null where the encoder is trained in full. */
export function adapterConfig({ adapter, student }: Experiment): LoraConfig | null {
  if (adapter === null) return null;
  return loraConfig({ ...adapter, base_model_name_or_path: student.weights } as Parameters<typeof loraConfig>[0]);
}

/** Whether a weight of the encoder has a part in the student: a classifier has none. */
function isUsed(path: string): boolean {
  return !path.startsWith('classifier.');
}

/**
 * Builds the student; the same seed gives the same initial weights, with or without distillation. `features` are the encoder's
 * that the bridges ask for. Whoever builds it disposes it.
 * @throws BadInput when the encoder is to be trained in full at another precision than fp32.
 */
export function buildStudent(experiment: Experiment, features: readonly string[]): StudentModel {
  const { seed, student } = experiment;
  const lora = adapterConfig(experiment);
  const isFrozen = (path: string): boolean => lora !== null && savedModuleOf(lora, path) === undefined;
  const base = openStudentBase(student.weights, seed, studentPrecision(experiment), isFrozen);
  const config: EchoStudentConfig = { backbone: base.config, fusion_size: student.fusion_size };
  const spec = echoStudent.spec(config);
  const key = fold(rootKey(seed), 'student');
  const backbone =
    lora === null
      ? trainable(base.params, isUsed)
      : wrapLora<MobileNetV5Params>(base.params, spec.backbone, lora, fold(key, 'lora'));
  const rest = trainable(initialise({ fusion: spec.fusion, heads: spec.heads }, key));
  const params: EchoStudentParams = { backbone, ...rest };
  return {
    config,
    params,
    spec,
    lora,
    sha256: base.sha256,
    forward: (frames, dropoutKey) => echoStudent.forward(params, frames, config, { features, dropoutKey }),
    after: (prefix) => ({
      params,
      forward: (maps, dropoutKey) => echoStudent.forward(params, maps, config, { features, dropoutKey, prefix }),
    }),
    dispose: () => disposeParams(params),
  };
}
