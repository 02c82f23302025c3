import * as tf from '@tensorflow/tfjs';
import { loadAdapter } from 'gemma-3ncore/adapters/peft_files';
import { openSafetensors, type OpenTensorSource } from 'gemma-3ncore/files/safetensors';
import { createAdamW, type AdamWOptions } from 'gemma-3ncore/distill/adamw';
import type { Bridge, Student } from 'gemma-3ncore/distill/student';
import type { MicroBatch } from 'gemma-3ncore/distill/micro_batch';
import { createTrainStep, type TrainStep } from 'gemma-3ncore/distill/train_step';
import { trainedVariables } from 'gemma-3ncore/distill/variables';
import { loadCheckpoint } from 'gemma-3ncore/models/checkpoint';
import * as echo from 'gemma-3ncore/models/echo_student';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import * as projector from 'gemma-3ncore/models/projector';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { siglipVisionConfig } from 'gemma-3ncore/models/siglip_vision_config';
import { dense } from 'gemma-3ncore/tree/leaf';
import { disposeParams, trainable } from 'gemma-3ncore/tree/params';
import { golden, goldenJson } from './goldens.js';

/** What kd.json says of a case, as far as a replay needs it. */
export interface KdSpec {
  readonly lr: number;
  readonly betas: [number, number];
  readonly eps: number;
  readonly weight_decay: number;
  readonly steps: number;
  readonly accum: number;
  readonly num_micro_batches: number;
  readonly grid: number;
  readonly max_grad_norm: number | null;
}

export interface KdLogEntry {
  readonly feature_weight: number;
  readonly task_weight: number;
  readonly micro: readonly { readonly feature: number; readonly task: number; readonly total: number }[];
  readonly mean_total: number;
  readonly grad_norm_before_clip: number;
}

interface KdJson {
  readonly spec: KdSpec;
  readonly log: readonly KdLogEntry[];
  readonly student: { readonly base: string; readonly msfa_output_resolution: number };
}

/** A KD golden as this project trains it. */
export interface KdCase {
  readonly spec: KdSpec;
  readonly log: readonly KdLogEntry[];
  readonly optimizer: AdamWOptions;
  readonly student: Student;
  readonly bridges: readonly Bridge[];
  /** By the names of {@link trainedVariables}, in their order. */
  readonly variables: Map<string, tf.Variable>;
  readonly trainStep: TrainStep;
  /** The caller's. */
  batch(index: number, weights: { task: number; feature: number }): MicroBatch;
  dispose(): void;
}

function read(file: OpenTensorSource, name: string): tf.Tensor {
  return tf.tensor(file.read(name), [...file.shapeOf(name)]);
}

/** uint8 NCHW frames as NHWC in [0, 1]. */
function frames(file: OpenTensorSource, name: string): tf.Tensor4D {
  return tf.tidy(() => tf.div(tf.transpose(read(file, name), [0, 2, 3, 1]), 255)) as tf.Tensor4D;
}

/** The golden's head.0 is the fusion, the rows of its head.2 the heads of EDV, ESV and EF. */
function headParams(file: OpenTensorSource) {
  const row = (i: number) => ({
    weight: dense(tf.tidy(() => tf.slice(read(file, 'head.2.weight'), [i, 0], [1, -1]))),
    bias: dense(tf.tidy(() => tf.slice(read(file, 'head.2.bias'), [i], [1]))),
  });
  return {
    fusion: { weight: dense(read(file, 'head.0.weight')), bias: dense(read(file, 'head.0.bias')) },
    heads: { EDV: row(0), ESV: row(1), EF: row(2) },
  };
}

function projectorParams(file: OpenTensorSource) {
  const weight = tf.tidy(() =>
    tf.reshape(read(file, 'projector.weight'), file.shapeOf('projector.weight').slice(0, 2)),
  );
  return { weight: dense(weight), bias: dense(read(file, 'projector.bias')) };
}

/** The teacher's pooled maps of every micro-batch, ED above ES. */
function teacherMaps(batches: OpenTensorSource, { num_micro_batches: n, grid }: KdSpec): tf.Tensor4D[] {
  const config = siglipVisionConfig(goldenJson('siglip', 'p14_56', 'config.json'));
  const params = loadCheckpoint(siglip.spec(config), golden('siglip', 'p14_56'), siglip.siglipAnchor);
  const side = config.image_size / config.patch_size;
  const maps = Array.from({ length: n }, (_, k) =>
    tf.tidy(() => {
      const images = tf.concat([frames(batches, `ed_teacher.${k}`), frames(batches, `es_teacher.${k}`)]);
      const pixels = tf.div(tf.sub(images, 0.5), 0.5) as tf.Tensor4D;
      const features = siglip.forward(params, pixels, config, { features: ['last_hidden_state'] });
      const tokens = features['last_hidden_state'] as tf.Tensor3D;
      return projector.pooledTeacherGrid(tokens, [side, side], [grid, grid]);
    }),
  );
  disposeParams(params);
  return maps;
}

/** Loads a case of goldens/kd. */
export function kdCase(name: string): KdCase {
  const { spec, log, student: made } = goldenJson('kd', name, 'kd.json') as unknown as KdJson;
  const { base: baseFolder, ...overrides } = made;
  const backboneConfig = mobilenetV5Config({ ...goldenJson(baseFolder, 'config.json'), ...overrides });
  const backboneSpec = mobilenet.spec(backboneConfig);
  const base = loadCheckpoint(backboneSpec, golden(baseFolder), mobilenet.mobilenetV5Anchor);
  const { params: backbone } = loadAdapter(golden('kd', name, 'adapter_init'), base, backboneSpec);
  const init = openSafetensors(golden('kd', name, 'init_projector_head.safetensors'));
  const params: echo.EchoStudentParams = { backbone, ...trainable(headParams(init)) };
  const projection = trainable(projectorParams(init));
  init.close();
  const config = { backbone: backboneConfig, fusion_size: 32 };
  const student: Student = {
    params,
    forward: (pair, dropoutKey) => echo.forward(params, pair, config, { features: ['output'], dropoutKey }),
  };
  const bridges: Bridge[] = [
    {
      name: 'kd',
      feature: 'output',
      grid: spec.grid,
      params: projection,
      project: (pooled) => projector.forward(projection, pooled),
    },
  ];
  const variables = trainedVariables(student, bridges);
  const optimizer: AdamWOptions = { betas: spec.betas, eps: spec.eps, weight_decay: spec.weight_decay };
  const adamw = createAdamW([...variables.values()], optimizer);
  const trainStep = createTrainStep({
    student,
    bridges,
    variables: [...variables.values()],
    optimizer: adamw,
    max_grad_norm: spec.max_grad_norm,
  });
  const batches = openSafetensors(golden('kd', name, 'batches.safetensors'));
  const maps = teacherMaps(batches, spec);
  return {
    spec,
    log,
    optimizer,
    student,
    bridges,
    variables,
    trainStep,
    batch(index, weights) {
      const targets = read(batches, `target.${index}`) as tf.Tensor2D;
      const B = targets.shape[0];
      return {
        ED: frames(batches, `ed_student.${index}`),
        ES: frames(batches, `es_student.${index}`),
        targets,
        taskWeights: tf.fill([B], weights.task),
        featureWeights: tf.fill([B], weights.feature),
        seed: tf.tensor1d([0, 0], 'int32'),
        teacher: [tf.clone(maps[index]!)],
      };
    },
    dispose() {
      batches.close();
      trainStep.dispose();
      adamw.dispose();
      disposeParams(params);
      disposeParams(projection);
      tf.dispose(maps);
    },
  };
}

/** Values by this project's name, in memory's order, of a golden file under `prefix` + the golden's names. */
export function goldenValues(file: OpenTensorSource, prefix: string, variable: string): Float32Array {
  const head = /^heads\.(EDV|ESV|EF)\.(weight|bias)$/.exec(variable);
  if (head !== null) {
    const values = file.read(`${prefix}head.2.${head[2]}`);
    const size = values.length / 3;
    const row = echo.targetNames.indexOf(head[1] as 'EDV');
    return values.slice(row * size, (row + 1) * size);
  }
  const name = variable
    .replace(/^backbone\.(.*)\.weight\.lora_([AB])$/, 'student.$1.lora_$2.weight')
    .replace(/^fusion\./, 'head.0.')
    .replace(/^projectors\.kd\./, 'projector.');
  return file.read(prefix + name);
}
