import * as tf from '@tensorflow/tfjs';
import type { DropoutKey } from '../nn/dropout.js';
import { linear } from '../nn/linear.js';
import { adaptiveAvgPool2d } from '../ops/adaptive_avg_pool2d.js';
import { gelu } from '../ops/gelu.js';
import { constant, kaimingUniform } from '../tree/init.js';
import { param, type ParamsOf } from '../tree/spec.js';
import type { FeatureMap } from './features.js';
import * as mobilenet from './mobilenet_v5.js';
import type { MobileNetV5Config } from './mobilenet_v5_config.js';
import type { FrozenPrefix } from './mobilenet_v5_prefix.js';

/** What the student predicts, in the order of its outputs. */
export const targetNames = ['EDV', 'ESV', 'EF'] as const;

export interface EchoStudentConfig {
  readonly backbone: MobileNetV5Config;
  /** Width D of the fusion of the two frames. */
  readonly fusion_size: number;
}

function linearSpec(inputs: number, outputs: number) {
  return { weight: param([outputs, inputs], 'same', kaimingUniform), bias: param([outputs], 'same', constant(0)) };
}

/** The parameters: the encoder, the fusion of the pooled frames, one head a target. */
export function spec({ backbone, fusion_size: D }: EchoStudentConfig) {
  return {
    backbone: mobilenet.spec(backbone),
    fusion: linearSpec(2 * backbone.num_features, D),
    heads: { EDV: linearSpec(D, 1), ESV: linearSpec(D, 1), EF: linearSpec(D, 1) },
  };
}

export type EchoStudentParams = ParamsOf<ReturnType<typeof spec>>;

/** End-diastolic and end-systolic frames of the same studies, `[B, H, W, C]` each, or what a frozen prefix makes of them. */
export interface FramePair {
  readonly ED: tf.Tensor4D;
  readonly ES: tf.Tensor4D;
  /** Of a prefix its known maps in their order, `[2B, h, w, c]` each, ED above ES. */
  readonly known?: readonly tf.Tensor4D[];
}

export interface EchoStudentOptions {
  /** Names of the wanted features of the encoder; none without it. */
  readonly features?: readonly string[] | undefined;
  readonly dropoutKey?: DropoutKey | undefined;
  /** Whose outputs the pair holds in place of frames. */
  readonly prefix?: FrozenPrefix | undefined;
}

/** What a pass gives, owned by the caller. */
export type EchoStudentOutput = {
  /** EDV, ESV and EF on the standardised scale, `[B, 3]`. */
  readonly targets: tf.Tensor2D;
  /** Features of the encoder for [ED; ES], `[2B, h, w, c]`. */
  readonly features: FeatureMap<tf.Tensor4D>;
};

/** Encoder output `[2B, h, w, C]` to `[B, 2C]`: the mean of each map, ED before ES. */
function pooledPair(output: tf.Tensor4D): tf.Tensor2D {
  const [doubled, , , C] = output.shape;
  const B = doubled / 2;
  const pooled = tf.reshape<tf.Rank.R2>(adaptiveAvgPool2d(output, [1, 1]), [doubled, C]);
  return tf.concat2d([tf.slice2d(pooled, [0, 0], [B, C]), tf.slice2d(pooled, [B, 0], [B, C])], 1);
}

/**
 * The student: one pass of the encoder over [ED; ES], mean over each map, Linear(2C, D) and GELU(erf) of the pair, a linear
 * head for EDV, ESV and EF.
 * @throws BadInput when a wanted feature does not exist.
 */
export function forward(
  params: EchoStudentParams,
  { ED, ES, known = [] }: FramePair,
  config: EchoStudentConfig,
  { features: wanted = [], dropoutKey, prefix }: EchoStudentOptions = {},
): EchoStudentOutput {
  return tf.tidy((): EchoStudentOutput => {
    const names = [...new Set([...wanted, 'output'])];
    const maps = prefix?.known.map((name, i) => [name, known[i] as tf.Tensor4D] as const) ?? [];
    const from = prefix && { after: prefix.after, known: Object.fromEntries(maps) };
    const input = tf.concat([ED, ES], 0);
    const found = mobilenet.forward(params.backbone, input, config.backbone, { features: names, dropoutKey, from });
    const targets = tf.tidy(() => {
      const pair = pooledPair(found['output'] as tf.Tensor4D);
      const fused = gelu(linear(pair, params.fusion.weight, { bias: params.fusion.bias, dropoutKey }), 'erf');
      const heads = targetNames.map((name) => params.heads[name]);
      return tf.concat2d(
        heads.map(({ weight, bias }) => linear(fused, weight, { bias, dropoutKey })),
        1,
      );
    });
    const features = Object.fromEntries(wanted.map((name) => [name, found[name] as tf.Tensor4D]));
    return { targets, features };
  });
}
