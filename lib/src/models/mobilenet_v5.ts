import * as tf from '@tensorflow/tfjs';
import { conv2d } from '../nn/conv2d.js';
import type { DropoutKey } from '../nn/dropout.js';
import { linear } from '../nn/linear.js';
import { rmsNorm, rmsNormAct } from '../nn/norm.js';
import { adaptiveAvgPool2d } from '../ops/adaptive_avg_pool2d.js';
import { resize } from '../ops/resize.js';
import { constant, heNormalFanOut, normal } from '../tree/init.js';
import { param, type ParamsOf } from '../tree/spec.js';
import { FeatureCollector, type FeatureMap } from './features.js';
import { architecture, makeDivisible, type Architecture, type UniversalInvertedResidual } from './mobilenet_v5_arch.js';
import {
  blockForward,
  blockSpec,
  uirSpec,
  universalInvertedResidual,
  type BlockContext,
  type BlockParams,
} from './mobilenet_v5_blocks.js';
import type { MobileNetV5Config } from './mobilenet_v5_config.js';

/** An entry that every MobileNetV5 has: where its prefix in a checkpoint ends. */
export const mobilenetV5Anchor = 'conv_stem.conv.weight';

/** The fusion adapter's block: no depthwise convolution, twice as wide inside, no skip. */
function fusionBlock({ fused_chs }: Architecture, config: MobileNetV5Config): UniversalInvertedResidual {
  return {
    type: 'uir',
    in_chs: fused_chs,
    mid_chs: makeDivisible(2 * fused_chs),
    out_chs: config.num_features,
    stride: 1,
    has_skip: false,
    act: config.act,
    dw_kernel_size_start: 0,
    dw_kernel_size_mid: 0,
    dw_kernel_size_end: 0,
  };
}

function msfaSpec(arch: Architecture, config: MobileNetV5Config) {
  return {
    ffn: uirSpec(fusionBlock(arch, config), null),
    norm: { weight: param([config.num_features], 'same', constant(1)) },
  };
}

function classifierSpec({ num_features: C, num_classes: classes }: MobileNetV5Config) {
  if (classes === 0) return undefined;
  return { weight: param([classes, C], 'same', normal(0.01)), bias: param([classes], 'same', constant(0)) };
}

/**
 * The parameters of a MobileNetV5 under timm's names (no prefix). New ones start as timm's but for the stem bias, which is zero
 * there: where a picture is black every map would then be zero up to the last stage, and each RMSNorm in a row would multiply
 * gradients by 1/√eps = 1000, until they overflow.
 */
export function spec(config: MobileNetV5Config) {
  const arch = architecture(config);
  const { stem_chs, stages } = arch;
  return {
    conv_stem: {
      conv: {
        weight: param([stem_chs, config.in_chans, 3, 3], 'conv', heNormalFanOut),
        bias: config.stem_bias ? param([stem_chs], 'same', normal(0.1)) : undefined,
      },
      bn: { weight: param([stem_chs], 'same', constant(1)) },
    },
    blocks: stages.map((blocks) => blocks.map((block) => blockSpec(block, config.layer_scale_init_value))),
    msfa: msfaSpec(arch, config),
    classifier: classifierSpec(config),
  };
}

export type MobileNetV5Params = ParamsOf<ReturnType<typeof spec>>;
type StemParams = MobileNetV5Params['conv_stem'];
type MsfaParams = MobileNetV5Params['msfa'];

export interface MobileNetV5Options {
  /** Names of the wanted features; every one without it. Stages above the last wanted one are not computed. */
  readonly features?: readonly string[] | undefined;
  /** Given while training: turns on the dropout of LoRA leaves. */
  readonly dropoutKey?: DropoutKey | undefined;
}

function stem(x: tf.Tensor4D, { conv, bn }: StemParams, config: MobileNetV5Config, context: BlockContext): tf.Tensor4D {
  const y = conv2d(x, conv.weight, { ...context, bias: conv.bias, stride: 2 });
  return rmsNormAct(y, bn.weight, context.eps, config.act);
}

/** The fused map at its own resolution; lower levels are brought to the first one's size. */
function fuse(
  levels: readonly tf.Tensor4D[],
  params: MsfaParams,
  block: UniversalInvertedResidual,
  context: BlockContext,
): tf.Tensor4D {
  const [, height = 0, width = 0] = (levels[0] as tf.Tensor4D).shape;
  const aligned = levels.map((level) =>
    level.shape[1] < height || level.shape[2] < width ? resize(level, [height, width], 'nearest') : level,
  );
  return universalInvertedResidual(tf.concat(aligned, 3), block, params.ffn, context);
}

/** Average pooling where the resolution divides the map, bilinear interpolation where it does not. */
function toResolution(x: tf.Tensor4D, size: readonly [number, number]): tf.Tensor4D {
  const divides = x.shape[1] % size[0] === 0 && x.shape[2] % size[1] === 0;
  return divides ? adaptiveAvgPool2d(x, size) : resize(x, size, 'bilinear');
}

interface Pass {
  readonly arch: Architecture;
  readonly context: BlockContext;
  readonly features: FeatureCollector<tf.Tensor4D>;
}

/** Stem and stages; gives the levels to be fused, or nothing once every wanted feature has been found. */
function trunk(images: tf.Tensor4D, params: MobileNetV5Params, config: MobileNetV5Config, pass: Pass) {
  const { arch, context, features } = pass;
  const levels: tf.Tensor4D[] = [];
  const endLevel = (level: number, x: tf.Tensor4D): void => {
    if (!arch.fused.includes(level)) return;
    features.hold(x);
    levels.push(x);
  };
  let x = tf.tidy(() => stem(images, params.conv_stem, config, context));
  features.offer('stem', x);
  endLevel(-1, x);
  for (const [s, blocks] of arch.stages.entries()) {
    for (const [b, block] of blocks.entries()) {
      if (features.complete) return undefined;
      const name = `blocks.${s}.${b}`;
      const { y, attn } = blockForward(x, block, params.blocks[s]?.[b] as BlockParams, context);
      features.release(x);
      x = y;
      if (attn !== undefined) {
        features.offer(`${name}.attn`, attn);
        features.release(attn);
      }
      features.offer(name, x);
    }
    features.offer(`stage.${s}`, x);
    endLevel(s, x);
  }
  return features.complete ? undefined : levels;
}

/** The fusion adapter and the classifier, where there is one. */
function neck(levels: readonly tf.Tensor4D[], params: MobileNetV5Params, config: MobileNetV5Config, pass: Pass): void {
  const { arch, context, features } = pass;
  const fused = tf.tidy(() => fuse(levels, params.msfa, fusionBlock(arch, config), context));
  features.offer('msfa.ffn', fused);
  const { classifier, msfa } = params;
  const output = tf.tidy(() =>
    rmsNorm(toResolution(fused, config.msfa_output_resolution), msfa.norm.weight, context.eps),
  );
  features.release(fused);
  features.offer('output', output);
  if (classifier === undefined) return;
  const logits = tf.tidy(() => linear(adaptiveAvgPool2d(output, [1, 1]), classifier.weight, classifier));
  features.offer('logits', logits);
}

/**
 * MobileNetV5, the vision encoder of Gemma 3n (timm/models/mobilenetv5.py) on images `[B, H, W, C]` (values 0 … 1 for
 * Gemma 3n). The features `[B, h, w, c]`, owned by the caller: `stem`, `blocks.i.j`, `blocks.i.j.attn` (attention before
 * layer scale and skip), `stage.i` (the last block of stage i), `msfa.ffn` (before its resize), `output` (the fused map at
 * `msfa_output_resolution`); with a classifier also `logits` `[B, 1, 1, num_classes]`.
 * @throws BadInput when a wanted feature does not exist.
 */
export function forward(
  params: MobileNetV5Params,
  images: tf.Tensor4D,
  config: MobileNetV5Config,
  { features: wanted, dropoutKey }: MobileNetV5Options = {},
): FeatureMap<tf.Tensor4D> {
  const context: BlockContext = {
    pad: config.pad_type === 'same' ? 'same' : 'symmetric',
    eps: config.norm_eps,
    dropoutKey,
  };
  return tf.tidy(() => {
    const pass: Pass = { arch: architecture(config), context, features: new FeatureCollector<tf.Tensor4D>(wanted) };
    const levels = trunk(images, params, config, pass);
    if (levels !== undefined) neck(levels, params, config, pass);
    return pass.features.result();
  });
}
