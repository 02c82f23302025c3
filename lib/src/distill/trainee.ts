import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { mergeLora, wrapLora } from '../adapters/lora.js';
import type { LoraConfig } from '../adapters/lora_config.js';
import { saveParams } from '../adapters/param_files.js';
import { saveAdapter } from '../adapters/peft_files.js';
import { saveRegressor } from '../adapters/regressor_files.js';
import type { JsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';
import * as echo from '../models/echo_student.js';
import type { MobileNetV5Params } from '../models/mobilenet_v5.js';
import * as projector from '../models/projector.js';
import { dense, type Leaf } from '../tree/leaf.js';
import { disposeParams, initialise, mapParams, trainable } from '../tree/params.js';
import { fold, rootKey, type Key } from '../tree/random.js';
import type { Params } from '../tree/spec.js';
import type { Bridge, Student } from './student.js';
import type { Standardisation } from './targets.js';

/** A bridge of an experiment, with the widths of what it joins. */
export interface BridgeConfig {
  /** Feature of the teacher, e.g. `last_hidden_state`. */
  readonly teacher: string;
  /** Feature of the student, e.g. `stage.3`. */
  readonly student: string;
  readonly grid: number;
  readonly projector: 'linear' | 'mlp';
  readonly studentChannels: number;
  readonly teacherWidth: number;
}

export interface TraineeOptions {
  /** The pretrained encoder; it stays the caller's and unchanged, so that several trainees share it. */
  readonly base: MobileNetV5Params;
  readonly config: echo.EchoStudentConfig;
  /** Which of the encoder's weights are adapted; null: all of the encoder is trained. */
  readonly lora: LoraConfig | null;
  /** Empty for a baseline. */
  readonly bridges: readonly BridgeConfig[];
  /** Of adapters, fusion, heads and projectors, each its own stream: with and without bridges they start alike. */
  readonly seed: number;
}

/** What a reader of the saved student has to know besides its tensors. */
export interface Provenance {
  readonly standardisation: Standardisation;
  readonly view: string;
  /** How frames became the student's input. */
  readonly preprocessing: JsonObject;
}

/** An echo student made ready for training, and its files. */
export interface Trainee {
  readonly student: Student;
  readonly bridges: readonly Bridge[];
  /**
   * Writes what was trained into an existing folder: the adapter as PEFT does (the whole student as model.safetensors
   * where the encoder itself was trained), and the regressor.
   */
  save(folder: string, provenance: Provenance): Promise<void>;
  /** Writes the whole student with its adapters merged as model.safetensors into an existing folder. */
  saveModel(folder: string): Promise<void>;
  dispose(): void;
}

/** `last_hidden_state__stage_3__7`: a bridge's name in reports and files. */
export function bridgeName({ teacher, student, grid }: Pick<BridgeConfig, 'teacher' | 'student' | 'grid'>): string {
  return [teacher, student, grid].join('__').replaceAll('.', '_');
}

function projectorConfig(bridge: BridgeConfig): projector.ProjectorConfig {
  const { projector: type, studentChannels, teacherWidth } = bridge;
  return { type, in_channels: studentChannels, out_channels: teacherWidth };
}

function createBridge(config: BridgeConfig, key: Key): Bridge {
  const name = bridgeName(config);
  const params = trainable(initialise(projector.spec(projectorConfig(config)), fold(key, name)));
  const { student: feature, grid } = config;
  return { name, feature, grid, params, project: (pooled) => projector.forward(params, pooled) };
}

function checkNames(bridges: readonly BridgeConfig[]): void {
  const names = bridges.map(bridgeName);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice === undefined) return;
  throw new BadInput({ where: 'bridges', expected: 'different ones', got: `${twice} twice`, fix: 'remove one' });
}

/** The base's tensors shared, so that disposing the copy leaves the base whole. */
function shared(base: MobileNetV5Params): MobileNetV5Params {
  return mapParams(base, (leaf) => {
    if (leaf.kind !== 'dense') throw new Error('the base of a trainee carries adapters already');
    return dense(tf.clone(leaf.value)) as Leaf;
  });
}

function createParams({ base, config, lora }: TraineeOptions, key: Key): echo.EchoStudentParams {
  const { backbone: backboneSpec, fusion, heads } = echo.spec(config);
  const regressor = trainable(initialise({ fusion, heads }, fold(key, 'regressor')));
  const encoder = shared(base);
  const backbone = lora === null ? trainable(encoder) : wrapLora(encoder, backboneSpec, lora, fold(key, 'lora'));
  return { backbone, ...regressor };
}

async function saveTrained(
  { config, lora, bridges: configs }: TraineeOptions,
  params: echo.EchoStudentParams,
  bridges: readonly Bridge[],
  folder: string,
  { standardisation, view, preprocessing }: Provenance,
): Promise<void> {
  const { backbone: backboneSpec, fusion, heads } = echo.spec(config);
  if (lora !== null) await saveAdapter(folder, params.backbone, backboneSpec, lora);
  else await saveParams(join(folder, 'model.safetensors'), params, echo.spec(config));
  const projectors: Record<string, Params> = Object.fromEntries(bridges.map(({ name, params: own }) => [name, own]));
  const specs = Object.fromEntries(
    configs.map((bridge) => [bridgeName(bridge), projector.spec(projectorConfig(bridge))]),
  );
  await saveRegressor(
    folder,
    { fusion: params.fusion, heads: params.heads, projectors },
    { fusion, heads, projectors: specs },
    {
      targets: echo.targetNames,
      ...standardisation,
      frameOrder: ['ED', 'ES'],
      fusionSize: config.fusion_size,
      view,
      preprocessing,
      bridges: configs.map((bridge) => ({
        name: bridgeName(bridge),
        teacherLayer: bridge.teacher,
        studentFeature: bridge.student,
        grid: bridge.grid,
        projector: { ...projectorConfig(bridge) },
      })),
    },
  );
}

/**
 * A student around a pretrained encoder: adapters (or the whole encoder), fusion, heads and projectors trainable, new by
 * the seed. The caller disposes it.
 * @throws BadInput when two bridges are the same or an adapter's target cannot be adapted.
 */
export function createTrainee(options: TraineeOptions): Trainee {
  const { config, bridges: configs, seed } = options;
  checkNames(configs);
  const key = fold(rootKey(seed), 'trainee');
  const params = createParams(options, key);
  const bridges = configs.map((bridge) => createBridge(bridge, fold(key, 'projectors')));
  const features = [...new Set(configs.map(({ student }) => student))];
  return {
    student: {
      params,
      forward: (frames, dropoutKey) => echo.forward(params, frames, config, { features, dropoutKey }),
    },
    bridges,
    save: (folder, provenance) => saveTrained(options, params, bridges, folder, provenance),
    async saveModel(folder) {
      const merged = mergeLora(params);
      try {
        await saveParams(join(folder, 'model.safetensors'), merged, echo.spec(config));
      } finally {
        disposeParams(merged);
      }
    },
    dispose() {
      disposeParams(params);
      for (const bridge of bridges) disposeParams(bridge.params);
    },
  };
}
