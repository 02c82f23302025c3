import * as tf from '@tensorflow/tfjs';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig } from 'gemma-3ncore/adapters/lora_config';
import { conv1x1, conv2d } from 'gemma-3ncore/nn/conv2d';
import type { DropoutKey } from 'gemma-3ncore/nn/dropout';
import { linear } from 'gemma-3ncore/nn/linear';
import { constantly } from 'gemma-3ncore/distill/curriculum';
import type { Bridge, Student } from 'gemma-3ncore/distill/student';
import type { EchoStudentOutput, FramePair } from 'gemma-3ncore/models/echo_student';
import type { TrainData } from 'gemma-3ncore/distill/data';
import type { TrainPlan } from 'gemma-3ncore/distill/plan';
import { constant, kaimingUniform } from 'gemma-3ncore/tree/init';
import { disposeParams, initialise, trainable } from 'gemma-3ncore/tree/params';
import { fold, Random, rootKey } from 'gemma-3ncore/tree/random';
import { param, type ParamsOf } from 'gemma-3ncore/tree/spec';

const layer = (inputs: number, outputs: number) => ({
  weight: param([outputs, inputs], 'same', kaimingUniform),
  bias: param([outputs], 'same', constant(0)),
});

/** Two convolutions, fusion and heads: the student's structure with as little in it as possible. */
export const tinySpec = {
  backbone: {
    stem: { weight: param([4, 3, 3, 3], 'conv', kaimingUniform) },
    pw: { weight: param([6, 4, 1, 1], 'conv1x1', kaimingUniform) },
  },
  fusion: layer(12, 8),
  heads: { EDV: layer(8, 1), ESV: layer(8, 1), EF: layer(8, 1) },
};

type TinyParams = ParamsOf<typeof tinySpec>;

export const tinyLora = loraConfig({ target_modules: ['stem', 'pw'], r: 2, lora_alpha: 4, lora_dropout: 0.1 });

function forward(params: TinyParams, { ED, ES }: FramePair, dropoutKey?: DropoutKey): EchoStudentOutput {
  return tf.tidy(() => {
    const { backbone, fusion, heads } = params;
    const low = tf.tanh(conv2d(tf.concat([ED, ES]), backbone.stem.weight, { stride: 2, dropoutKey }));
    const map = tf.tanh(conv1x1(low as tf.Tensor4D, backbone.pw.weight, { dropoutKey })) as tf.Tensor4D;
    const pair = tf.concat(tf.split(tf.mean(map, [1, 2]), 2), 1);
    const fused = tf.tanh(linear(pair, fusion.weight, { bias: fusion.bias }));
    const targets = tf.concat(
      [heads.EDV, heads.ESV, heads.EF].map(({ weight, bias }) => linear(fused, weight, { bias })),
      1,
    );
    return { targets: targets as tf.Tensor2D, features: { output: map } };
  });
}

export interface Tiny {
  readonly student: Student & { readonly params: TinyParams };
  readonly bridges: readonly Bridge[];
  dispose(): void;
}

/** A student with one base and, by the seed, LoRA on both convolutions, fusion and heads trainable, and a linear bridge to 5 channels on 2 × 2. */
export function tiny(seed: number): Tiny {
  const key = fold(rootKey(seed), 'student');
  const { backbone: backboneSpec, ...regressorSpec } = tinySpec;
  const base = initialise(backboneSpec, rootKey(0));
  const params: TinyParams = {
    backbone: wrapLora(base, backboneSpec, tinyLora, key),
    ...trainable(initialise(regressorSpec, key)),
  };
  const projector = trainable(
    initialise({ weight: param([5, 6, 1, 1], 'conv1x1', kaimingUniform), bias: layer(6, 5).bias }, fold(key, 'bridge')),
  );
  const project = (pooled: tf.Tensor4D): tf.Tensor4D => conv1x1(pooled, projector.weight, { bias: projector.bias });
  return {
    student: { params, forward: (frames, dropoutKey) => forward(params, frames, dropoutKey) },
    bridges: [{ name: 'last__output', feature: 'output', grid: 2, params: projector, project }],
    dispose() {
      disposeParams(params);
      disposeParams(projector);
    },
  };
}

function noise(name: string, n: number): Float32Array {
  const random = new Random(fold(rootKey(99), name));
  return Float32Array.from({ length: n }, () => random.normal());
}

/** `count` studies of 8 × 8 noise; the first `labelled` have targets, the last two of those are VAL. */
export function tinyData(count: number, labelled: number): TrainData {
  const stack = (indices: readonly number[], name: string, shape: [number, number, number]): tf.Tensor4D =>
    tf.tensor4d(Float32Array.from(indices.flatMap((i) => [...noise(`${name}/${i}`, shape[0] * shape[1] * shape[2])])), [
      indices.length,
      ...shape,
    ]);
  const studies = Array.from({ length: count }, (_, i) => {
    const [a, b] = noise(`targets/${i}`, 2) as unknown as [number, number];
    return {
      id: `study-${i}`,
      targets: i < labelled ? ([120 + 30 * a, 60 + 15 * b, 50 + 8 * (a - b)] as const) : null,
    };
  });
  const isVal = (i: number): boolean => i < labelled && i >= labelled - 2;
  const all = studies.map((_, i) => i);
  return {
    studies,
    train: all.filter((i) => !isVal(i)),
    validation: all.filter(isVal),
    images: (indices) => ({ ED: stack(indices, 'ED', [8, 8, 3]), ES: stack(indices, 'ES', [8, 8, 3]) }),
    teacher: (indices) => [
      tf.tidy(() => tf.concat([stack(indices, 'teacher/ED', [2, 2, 5]), stack(indices, 'teacher/ES', [2, 2, 5])])),
    ],
  };
}

/** A short plan with both stages, in groups of 3 × 2 studies. */
export const tinyPlan: TrainPlan = {
  seed: 3,
  batch: 2,
  accumulate: 3,
  stages: [
    {
      name: 'features',
      steps: 4,
      featureWeight: constantly(3),
      taskWeight: constantly(0),
    },
    {
      name: 'task',
      steps: 6,
      labelledShare: 0.5,
      featureWeight: { kind: 'linear', start: 3, end: 1 },
      taskWeight: constantly(1),
    },
  ],
  balanceEF: false,
  augmentation: null,
  losses: { feature: 'mse', task: 'mse', targetWeights: [1, 1, 1], consistency: 0 },
  rate: { peak: 5e-3, final: 0, warmupSteps: 2 },
  optimizer: { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01 },
  max_grad_norm: 1,
  validateEvery: 5,
  monitor: 'task_loss',
  earlyStopping: null,
  checkpointEvery: 3,
};
