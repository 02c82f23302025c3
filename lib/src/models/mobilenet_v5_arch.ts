import { BadInput } from '../host/errors.js';
import type { MobileNetV5Config } from './mobilenet_v5_config.js';

interface BlockCommon {
  readonly in_chs: number;
  readonly out_chs: number;
  readonly stride: number;
  readonly has_skip: boolean;
  readonly act: string;
}

/** FusedMBConv: k×k expansion, 1×1 projection. */
export interface EdgeResidual extends BlockCommon {
  readonly type: 'er';
  readonly mid_chs: number;
  readonly exp_kernel_size: number;
}

/** Universal inverted residual (MobileNetV4, arXiv:2404.10518); a kernel size of 0 leaves a depthwise convolution out. */
export interface UniversalInvertedResidual extends BlockCommon {
  readonly type: 'uir';
  readonly mid_chs: number;
  readonly dw_kernel_size_start: number;
  readonly dw_kernel_size_mid: number;
  readonly dw_kernel_size_end: number;
}

/** Multi-query attention over the map, keys and values optionally on a coarser one. */
export interface MobileAttention extends BlockCommon {
  readonly type: 'mqa';
  readonly num_heads: number;
  readonly key_dim: number;
  readonly kv_stride: number;
  readonly dw_kernel_size: number;
}

export type Block = EdgeResidual | UniversalInvertedResidual | MobileAttention;

/** A network as its definition strings give it. */
export interface Architecture {
  readonly stem_chs: number;
  readonly stages: readonly (readonly Block[])[];
  /** Fused levels in ascending order: −1 is the stem, i stage i. */
  readonly fused: readonly number[];
  /** Channels of the concatenated fused levels. */
  readonly fused_chs: number;
}

/** Rounds channels to the nearest multiple of 8, never down by more than a tenth (timm/layers/helpers.py make_divisible). */
export function makeDivisible(channels: number): number {
  const rounded = Math.max(8, Math.floor(Math.floor(channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

/** timm's names of activations in block strings. */
const actOf: Readonly<Record<string, string>> = { re: 'relu', r6: 'relu6', hs: 'hard_swish', sw: 'swish', mi: 'mish' };

const optionsOf: Readonly<Record<string, readonly string[]>> = {
  er: ['r', 'k', 's', 'e', 'c'],
  uir: ['r', 'a', 'k', 'p', 's', 'e', 'c'],
  mqa: ['r', 'k', 'h', 'v', 's', 'd', 'c'],
};

interface BlockString {
  readonly type: Block['type'];
  readonly act: string | undefined;
  readonly noskip: boolean;
  /** The value of an option; one without a default has to be there. */
  option(name: string, fallback?: number): number;
}

/** Decodes one definition string (timm/models/_efficientnet_builder.py _decode_block_str). */
function decodeBlock(text: string, where: string): BlockString {
  const fail = (expected: string, got: string): never => {
    throw new BadInput({ where: `${where}, block ${text}`, expected, got });
  };
  const [type = '', ...parts] = text.split('_');
  const known = optionsOf[type] ?? fail(`a block of type ${Object.keys(optionsOf).join(', ')}`, type);
  const options = new Map<string, number>();
  let act: string | undefined;
  let noskip = false;
  for (const part of parts) {
    const [, name = '', digits] = /^([a-z]+)(\d.*)?$/.exec(part) ?? [];
    if (part === 'noskip') noskip = true;
    else if (part !== 'skip' && part.startsWith('n')) act = actOf[part.slice(1)] ?? act;
    else if (part !== 'skip') {
      const value = Number(digits);
      const absent = value === 0 || (name === 'p' && value === 1 && type === 'er');
      if (!Number.isFinite(value)) fail('options of a letter and a number', part);
      if (!known.includes(name) && !absent) fail(`options among ${known.join(', ')}`, part);
      options.set(name, value);
    }
  }
  const option = (name: string, fallback?: number): number =>
    options.get(name) ?? fallback ?? fail(`an option ${name}`, 'none');
  return { type: type as Block['type'], act, noskip, option };
}

interface Position {
  readonly in_chs: number;
  readonly out_chs: number;
  readonly stride: number;
  readonly act: string;
}

function makeBlock({ type, act, noskip, option }: BlockString, at: Position): Block {
  const has_skip = at.stride === 1 && at.in_chs === at.out_chs && !noskip;
  const common = { ...at, act: act ?? at.act, has_skip };
  switch (type) {
    case 'er':
      return { type, ...common, mid_chs: makeDivisible(at.in_chs * option('e')), exp_kernel_size: option('k') };
    case 'uir':
      return {
        type,
        ...common,
        mid_chs: makeDivisible(at.in_chs * option('e')),
        dw_kernel_size_start: option('a', 0),
        dw_kernel_size_mid: option('k'),
        dw_kernel_size_end: option('p', 0),
      };
    case 'mqa':
      return {
        type,
        ...common,
        num_heads: option('h'),
        key_dim: option('d'),
        kv_stride: option('v', 1),
        dw_kernel_size: option('k'),
      };
  }
}

function checkStride(block: Block, where: string): void {
  if (block.type !== 'uir' || block.stride === 1) return;
  const { dw_kernel_size_start: start, dw_kernel_size_mid: mid, dw_kernel_size_end: end } = block;
  if (start + mid + end > 0) return;
  throw new BadInput({ where, expected: 'a depthwise convolution that can stride', got: 'none' });
}

/** The largest stride of a level against the image; timm dilates beyond it, which no MobileNetV5 does. */
const outputStride = 32;

function decodeStages(config: MobileNetV5Config, stem_chs: number): Block[][] {
  let in_chs = stem_chs;
  let reduction = 2;
  return config.arch_def.map((strings, s) => {
    const where = `arch_def, stage ${s}`;
    const decoded = strings.map((text) => decodeBlock(text, where));
    const repeated = decoded.flatMap((block) => Array<BlockString>(block.option('r')).fill(block));
    return repeated.map((block, i) => {
      // As in timm, only the first block of a stage keeps its stride.
      const stride = i === 0 ? block.option('s') : 1;
      const out_chs = makeDivisible(block.option('c') * config.channel_multiplier);
      const made = makeBlock(block, { in_chs, out_chs, stride, act: config.act });
      in_chs = out_chs;
      reduction *= stride;
      checkStride(made, `${where}, block ${i}`);
      if ((stride === 1 || stride === 2) && reduction <= outputStride) return made;
      throw new BadInput({ where, expected: `strides of 1 or 2, ${outputStride} in all`, got: `${reduction}` });
    });
  });
}

/** Levels that timm counts as features: the stem and every stage before one that halves the map, and the last. */
function featureLevels(stages: readonly (readonly Block[])[]): number[] {
  const halves = (s: number): boolean => stages[s] === undefined || (stages[s]?.[0]?.stride ?? 1) > 1;
  return [-1, ...stages.keys()].filter((level) => halves(level + 1));
}

/** The fused levels and their channels. */
function fusion(config: MobileNetV5Config, stages: readonly (readonly Block[])[], stem_chs: number) {
  const levels = featureLevels(stages);
  const channels = (level: number | undefined): number =>
    level === undefined ? NaN : level < 0 ? stem_chs : (stages[level]?.at(-1)?.out_chs ?? NaN);
  const picked = [...new Set(config.msfa_indices.map((i) => (i < 0 ? levels.length + i : i)))].sort((a, b) => a - b);
  const fail = (expected: string): never => {
    throw new BadInput({ where: 'msfa_indices', expected, got: JSON.stringify(config.msfa_indices) });
  };
  if (picked.length === 0 || !picked.every((i) => levels[i] !== undefined)) {
    return fail(`feature levels from ${-levels.length} to ${levels.length - 1}`);
  }
  // timm sizes the adapter by the feature levels but feeds it by counting stages; the two differ after a stage without stride.
  const fused = picked.map((i) => i - 1);
  if (!picked.every((i, k) => channels(levels[i]) === channels(fused[k]))) {
    return fail('levels below the first stage that keeps the size of the map');
  }
  return { fused, fused_chs: fused.reduce((sum, level) => sum + channels(level), 0) };
}

/**
 * Decodes the definition strings of a MobileNetV5: block types er, uir and mqa with all their options.
 * @throws BadInput naming the stage and block that timm would not build or that no MobileNetV5 has.
 */
export function architecture(config: MobileNetV5Config): Architecture {
  const stem_chs = config.fix_stem ? config.stem_size : makeDivisible(config.stem_size * config.channel_multiplier);
  const stages = decodeStages(config, stem_chs);
  const empty = stages.findIndex((blocks) => blocks.length === 0);
  if (stages.length === 0 || empty >= 0) {
    throw new BadInput({ where: 'arch_def', expected: 'stages of at least one block', got: 'none' });
  }
  return { stem_chs, stages, ...fusion(config, stages, stem_chs) };
}
