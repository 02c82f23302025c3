import { isJsonObject, type JsonObject } from '../files/json.js';
import { activationNames } from '../nn/activation.js';
import { BadInput } from '../host/errors.js';
import { ConfigFields } from './config_fields.js';
import { blockStrings } from './mobilenet_v5_block_args.js';

/** The arguments of timm's MobileNetV5 (timm/models/mobilenetv5.py), under their names there. */
export interface MobileNetV5Config {
  /** Block definition strings by stage, e.g. `uir_r1_a3_k5_s2_e6_c256`. */
  readonly arch_def: readonly (readonly string[])[];
  readonly in_chans: number;
  readonly stem_size: number;
  readonly stem_bias: boolean;
  /** The stem is not scaled by the multiplier. */
  readonly fix_stem: boolean;
  readonly channel_multiplier: number;
  /** Channels of the fused output. */
  readonly num_features: number;
  /** `same` is TensorFlow's, the empty one PyTorch's symmetric padding. */
  readonly pad_type: 'same' | '';
  /** Feature levels that are fused: 0 is the stem, i + 1 stage i; negative ones count from the last. */
  readonly msfa_indices: readonly number[];
  /** Height and width of the fused output. */
  readonly msfa_output_resolution: readonly [number, number];
  readonly act: string;
  readonly norm_eps: number;
  /** Initial layer scale; without it the blocks have none. */
  readonly layer_scale_init_value: number | null;
  /** Outputs of the classifier; 0 is an encoder. */
  readonly num_classes: number;
}

/** A block string that comes `n` times, each followed by `then`. */
function alternate(n: number, block: string, then: string): string[] {
  return Array.from({ length: n }, () => [block, then]).flat();
}

const edgeStage = ['er_r1_k3_s2_e4_c128', 'er_r1_k3_s1_e4_c128', 'er_r1_k3_s1_e4_c128'];
const stage1 = ['uir_r1_a3_k5_s2_e6_c256', ...alternate(2, 'uir_r1_a5_k0_s1_e4_c256', 'uir_r1_a3_k0_s1_e4_c256')];

const arch300m = [
  edgeStage,
  stage1,
  [
    'uir_r1_a5_k5_s2_e6_c640',
    ...Array<string>(7).fill('uir_r1_a5_k0_s1_e4_c640'),
    'uir_r1_a0_k0_s1_e1_c640',
    ...alternate(14, 'mqa_r1_k3_h12_v2_s1_d64_c640', 'uir_r1_a0_k0_s1_e2_c640'),
  ],
  ['uir_r1_a5_k5_s2_e6_c1280', ...alternate(19, 'mqa_r1_k3_h16_s1_d96_c1280', 'uir_r1_a0_k0_s1_e2_c1280')],
];

const archBase = [
  edgeStage,
  stage1,
  [
    'uir_r1_a5_k5_s2_e6_c512',
    ...Array<string>(2).fill('uir_r1_a5_k0_s1_e4_c512'),
    'uir_r1_a0_k0_s1_e1_c512',
    ...alternate(6, 'mqa_r1_k3_h8_s2_d64_c512', 'uir_r1_a0_k0_s1_e2_c512'),
  ],
  ['uir_r1_a5_k5_s2_e6_c1024', ...alternate(7, 'mqa_r1_k3_h16_s1_d64_c1024', 'uir_r1_a0_k0_s1_e2_c1024')],
];

/** timm's registered models; the encoder is Gemma 3n's. */
const architectures: Readonly<Record<string, JsonObject>> = {
  mobilenetv5_300m_enc: { arch_def: arch300m, stem_size: 64, pad_type: 'same' },
  mobilenetv5_300m: { arch_def: arch300m, stem_size: 64, num_classes: 1000 },
  mobilenetv5_base: { arch_def: archBase, stem_size: 64, num_classes: 1000 },
};

function resolution(fields: ConfigFields): readonly [number, number] {
  const name = 'msfa_output_resolution';
  const sizes = Array.isArray(fields.value(name)) ? fields.integers(name, []) : [fields.count(name, 16)];
  const [height = 0, width = height] = sizes;
  if (height > 0 && width > 0 && sizes.length <= 2) return [height, width];
  throw new BadInput({
    where: `${fields.where}, field ${name}`,
    expected: 'one or two sizes of at least 1',
    got: JSON.stringify(sizes),
  });
}

/** What timm is given: from a configuration of transformers' wrapper the architecture and `model_args` alone. */
function timmFields(outer: ConfigFields): ConfigFields {
  const args = outer.object('model_args');
  if (!/^(gemma3n_vision|timm_wrapper)$/.test(String(outer.value('model_type'))))
    return args?.over(outer.json) ?? outer;
  return new ConfigFields({ architecture: outer.value('architecture'), ...args?.json }, args?.where ?? outer.where);
}

/** The fields of the model itself with those of its registered architecture below them. */
function modelFields(json: JsonObject, where: string): ConfigFields {
  const nested = json['vision_config'];
  const outer = new ConfigFields(isJsonObject(nested) ? nested : json, where);
  const own = timmFields(outer);
  const name = own.value('architecture');
  if (own.has('arch_def')) return own;
  const known = typeof name === 'string' ? architectures[name.replace(/\..*/, '')] : undefined;
  if (own.has('block_args')) {
    const arch_def = blockStrings(own.value('block_args'), `${own.where}, block_args`);
    return new ConfigFields({ ...own.json, arch_def }, own.where).over(known ?? {});
  }
  if (known !== undefined) return own.over(known);
  throw new BadInput({
    where: `${where}, field architecture`,
    expected: `arch_def or one of ${Object.keys(architectures).join(', ')}`,
    got: JSON.stringify(name) ?? 'nothing',
  });
}

/**
 * A configuration from a parsed JSON: a registered architecture with `model_args` (transformers' Gemma3nVisionConfig, also
 * as `vision_config`), or `arch_def` strings or `block_args` with timm's arguments beside them; absent fields take timm's
 * defaults.
 * @throws BadInput naming the wrong field.
 */
export function mobilenetV5Config(json: JsonObject, where = 'config.json'): MobileNetV5Config {
  const fields = modelFields(json, where);
  const multiplier = fields.number('channel_multiplier', 1);
  const isNull = fields.value('layer_scale_init_value') === null;
  return {
    arch_def: fields.textLists('arch_def'),
    in_chans: fields.count('in_chans', 3),
    stem_size: fields.count('stem_size', 64),
    stem_bias: fields.flag('stem_bias', true),
    fix_stem: fields.flag('fix_stem', multiplier < 1),
    channel_multiplier: multiplier,
    num_features: fields.count('num_features', 2048),
    pad_type: fields.oneOf('pad_type', ['same', ''] as const, ''),
    msfa_indices: fields.integers('msfa_indices', [-2, -1]),
    msfa_output_resolution: resolution(fields),
    act: fields.oneOf('act', activationNames, 'gelu_tanh'),
    norm_eps: fields.number('norm_eps', 1e-6),
    layer_scale_init_value: isNull ? null : fields.number('layer_scale_init_value', 1e-5),
    num_classes: fields.count('num_classes', 0, 0),
  };
}
