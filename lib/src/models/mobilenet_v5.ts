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
import { blocksUpTo, placedBlocks, type PlacedBlock } from './mobilenet_v5_prefix.js';

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
  /** Begins the pass after a block. */
  readonly from?: PassBegin | undefined;
}

/** A pass that begins after a block: its input is that block's output. */
export interface PassBegin {
  /** `blocks.i.j`. */
  readonly after: string;
  /** Whatever is fused or wanted from below it, under `stem`, `blocks.i.j` or `blocks.i.j.attn`. */
  readonly known: FeatureMap<tf.Tensor4D>;
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
  /** Those to be fused. */
  readonly levels: tf.Tensor4D[];
}

/** Takes in the output of the stem or of a block: under its names, and where it is fused as a level (the stem is −1). */
function arrive({ arch, features, levels }: Pass, name: string, level: number | undefined, x: tf.Tensor4D): void {
  features.offer(name, x);
  if (level === undefined) return;
  if (level >= 0) features.offer(`stage.${level}`, x);
  if (!arch.fused.includes(level)) return;
  features.hold(x);
  levels.push(x);
}

/** Takes in what is known from below the begin of a pass; gives the blocks that remain. */
function resume(x: tf.Tensor4D, { after, known }: PassBegin, pass: Pass): PlacedBlock[] {
  const blocks = placedBlocks(pass.arch);
  const done = blocksUpTo(blocks, after);
  const copied = new Map(Object.entries(known).map(([name, map]) => [name, tf.clone(map)]));
  const take = (name: string, level?: number): void => {
    const map = name === after ? x : copied.get(name);
    if (map !== undefined) arrive(pass, name, level, map);
  };
  take('stem', -1);
  for (const { name, endsStage } of done) {
    take(`${name}.attn`);
    take(name, endsStage);
  }
  return blocks.slice(done.length);
}

/** Stem and stages, or the blocks that remain of them; false once every wanted feature has been found. */
function trunk(
  input: tf.Tensor4D,
  params: MobileNetV5Params,
  config: MobileNetV5Config,
  pass: Pass,
  from: PassBegin | undefined,
): boolean {
  const { arch, context, features } = pass;
  let x = from === undefined ? tf.tidy(() => stem(input, params.conv_stem, config, context)) : tf.clone(input);
  if (from === undefined) arrive(pass, 'stem', -1, x);
  const blocks = from === undefined ? placedBlocks(arch) : resume(x, from, pass);
  for (const { name, at, block, endsStage } of blocks) {
    if (features.complete) return false;
    const { y, attn } = blockForward(x, block, params.blocks[at[0]]?.[at[1]] as BlockParams, context);
    features.release(x);
    x = y;
    if (attn !== undefined) {
      features.offer(`${name}.attn`, attn);
      features.release(attn);
    }
    arrive(pass, name, endsStage, x);
  }
  return !features.complete;
}

/** The fusion adapter and the classifier, where there is one. */
function neck(params: MobileNetV5Params, config: MobileNetV5Config, pass: Pass): void {
  const { arch, context, features, levels } = pass;
  if (levels.length < arch.fused.length)
    throw new Error(`fused are levels ${arch.fused.join(', ')}: not all are known`);
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
 * `msfa_output_resolution`); with a classifier also `logits` `[B, 1, 1, num_classes]`. With `from` the input is no images but
 * the output of a block, and the features are those above it and the known ones.
 * @throws BadInput when a wanted feature does not exist.
 */
export function forward(
  params: MobileNetV5Params,
  input: tf.Tensor4D,
  config: MobileNetV5Config,
  { features: wanted, dropoutKey, from }: MobileNetV5Options = {},
): FeatureMap<tf.Tensor4D> {
  const context: BlockContext = {
    pad: config.pad_type === 'same' ? 'same' : 'symmetric',
    eps: config.norm_eps,
    dropoutKey,
  };
  return tf.tidy(() => {
    const features = new FeatureCollector<tf.Tensor4D>(wanted);
    const pass: Pass = { arch: architecture(config), context, features, levels: [] };
    if (trunk(input, params, config, pass, from)) neck(params, config, pass);
    return features.result();
  });
}
