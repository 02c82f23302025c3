import { isJsonObject, type JsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';
import { activationNames } from '../nn/activation.js';
import { ConfigFields } from './config_fields.js';

const layerTypes = ['sliding_attention', 'full_attention'] as const;
export type LayerType = (typeof layerTypes)[number];

/** The language part of a Gemma 3n `config.json` (transformers/models/gemma3n/configuration_gemma3n.py). */
export interface Gemma3nTextConfig {
  readonly vocab_size: number;
  /** Rows of the table of per-layer embeddings; tokens beyond take its row 0. */
  readonly vocab_size_per_layer_input: number;
  readonly hidden_size: number;
  readonly hidden_size_per_layer_input: number;
  readonly num_hidden_layers: number;
  /** Width of each layer's feed-forward network. */
  readonly intermediate_size: readonly number[];
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  /** The last layers, which have no keys and values of their own. */
  readonly num_kv_shared_layers: number;
  readonly layer_types: readonly LayerType[];
  /** Tokens that a sliding layer's token attends to, itself among them. */
  readonly sliding_window: number;
  readonly rope_theta: Readonly<Record<LayerType, number>>;
  /** Share of each layer's feed-forward units that are switched off, 0 for none. */
  readonly activation_sparsity_pattern: readonly number[];
  readonly hidden_activation: string;
  readonly rms_norm_eps: number;
  readonly laurel_rank: number;
  readonly altup_num_inputs: number;
  readonly altup_active_idx: number;
  readonly altup_correct_scale: boolean;
  /** Logits are held within ± this; null where they are not. */
  readonly final_logit_softcapping: number | null;
}

/** A list with one value a layer. */
function perLayer<T>(
  fields: ConfigFields,
  name: string,
  layers: number,
  fallback: readonly T[],
  isValue: (value: unknown) => boolean,
  what: string,
): readonly T[] {
  const value = fields.value(name) ?? fallback;
  if (Array.isArray(value) && value.length === layers && value.every(isValue)) return value as T[];
  const got = JSON.stringify(value);
  throw new BadInput({ where: `${fields.where}, field ${name}`, expected: `${layers} ${what}, one a layer`, got });
}

function ropeTheta(fields: ConfigFields): Readonly<Record<LayerType, number>> {
  const scaling = fields.object('rope_scaling');
  if (scaling !== undefined) {
    throw new BadInput({ where: scaling.where, expected: 'null', got: JSON.stringify(scaling.json) });
  }
  const older = {
    full_attention: fields.number('rope_theta', 1e6),
    sliding_attention: fields.number('rope_local_base_freq', 1e4),
  };
  const theta = (type: LayerType): number => {
    const rope = fields.object('rope_parameters')?.object(type);
    rope?.oneOf('rope_type', ['default'], 'default');
    return rope?.number('rope_theta', older[type]) ?? older[type];
  };
  return { full_attention: theta('full_attention'), sliding_attention: theta('sliding_attention') };
}

function softcapping(fields: ConfigFields): number | null {
  return fields.value('final_logit_softcapping') === null ? null : fields.number('final_logit_softcapping', 30);
}

/** What Gemma 3n has in no published form, and is not computed here. */
function refuseOthers(fields: ConfigFields): void {
  const expect = (name: string, only: boolean): void => {
    if (fields.flag(name, only) === only) return;
    throw new BadInput({ where: `${fields.where}, field ${name}`, expected: String(only), got: String(!only) });
  };
  expect('attention_bias', false);
  expect('tie_word_embeddings', true);
}

function check({ where }: ConfigFields, config: Gemma3nTextConfig): void {
  const expect = (name: keyof Gemma3nTextConfig, holds: boolean, expected: string): void => {
    if (!holds) throw new BadInput({ where: `${where}, field ${name}`, expected, got: String(config[name]) });
  };
  const { num_attention_heads: heads, num_key_value_heads: groups, layer_types: types } = config;
  expect('num_key_value_heads', heads % groups === 0, `a divisor of num_attention_heads ${heads}`);
  expect('head_dim', config.head_dim % 2 === 0, 'an even number');
  expect('altup_active_idx', config.altup_active_idx < config.altup_num_inputs, `less than altup_num_inputs`);
  const own = types.slice(0, firstSharedLayer(config));
  const fed = types.every((type) => own.includes(type));
  expect('num_kv_shared_layers', fed, 'a layer of every type before the shared ones');
}

/**
 * The language configuration from a parsed `config.json` of Gemma 3n, which holds it as `text_config`, or of the language
 * model alone; absent fields take transformers' defaults.
 * @throws BadInput naming the wrong field.
 */
export function gemma3nTextConfig(json: JsonObject, where = 'config.json'): Gemma3nTextConfig {
  const nested = json['text_config'];
  const fields = isJsonObject(nested)
    ? new ConfigFields(nested, `${where}, text_config`)
    : new ConfigFields(json, where);
  refuseOthers(fields);
  const layers = fields.count('num_hidden_layers', 35);
  const each = <T>(value: (layer: number) => T): T[] => Array.from({ length: layers }, (_, layer) => value(layer));
  const width = Array.isArray(fields.value('intermediate_size')) ? 0 : fields.count('intermediate_size', 16384);
  const widths = width > 0 ? new ConfigFields({ intermediate_size: each(() => width) }, fields.where) : fields;
  const isWidth = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) > 0;
  const isType = (value: unknown): boolean => layerTypes.some((type) => type === value);
  const isShare = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value < 1;
  const defaultTypes = each((layer): LayerType => ((layer + 1) % 5 === 0 ? 'full_attention' : 'sliding_attention'));
  const defaultSparsity = each((layer) => (layers > 10 && layer < 10 ? 0.95 : 0));
  const config: Gemma3nTextConfig = {
    vocab_size: fields.count('vocab_size', 262400),
    vocab_size_per_layer_input: fields.count('vocab_size_per_layer_input', 262144),
    hidden_size: fields.count('hidden_size', 2048),
    hidden_size_per_layer_input: fields.count('hidden_size_per_layer_input', 256),
    num_hidden_layers: layers,
    intermediate_size: perLayer<number>(widths, 'intermediate_size', layers, [], isWidth, 'widths of at least 1'),
    num_attention_heads: fields.count('num_attention_heads', 8),
    num_key_value_heads: fields.count('num_key_value_heads', 2),
    head_dim: fields.count('head_dim', 256),
    num_kv_shared_layers: fields.count('num_kv_shared_layers', 15, 0),
    layer_types: perLayer(fields, 'layer_types', layers, defaultTypes, isType, `of ${layerTypes.join(', ')}`),
    sliding_window: fields.count('sliding_window', 512),
    rope_theta: ropeTheta(fields),
    activation_sparsity_pattern: perLayer(
      fields,
      'activation_sparsity_pattern',
      layers,
      defaultSparsity,
      isShare,
      'shares from 0 to less than 1',
    ),
    hidden_activation: fields.oneOf('hidden_activation', activationNames, 'gelu_pytorch_tanh'),
    rms_norm_eps: fields.number('rms_norm_eps', 1e-6),
    laurel_rank: fields.count('laurel_rank', 64),
    altup_num_inputs: fields.count('altup_num_inputs', 4),
    altup_active_idx: fields.count('altup_active_idx', 0, 0),
    altup_correct_scale: fields.flag('altup_correct_scale', true),
    final_logit_softcapping: softcapping(fields),
  };
  check(fields, config);
  return config;
}

/** The first of the layers that have no keys and values of their own; the number of layers where all have. */
export function firstSharedLayer(
  config: Pick<Gemma3nTextConfig, 'num_hidden_layers' | 'num_kv_shared_layers'>,
): number {
  return Math.max(0, config.num_hidden_layers - config.num_kv_shared_layers);
}

/** The layer whose keys and values a layer attends to: its own, or the last of its type before the shared ones. */
export function kvLayer(config: Gemma3nTextConfig, layer: number): number {
  const first = firstSharedLayer(config);
  if (layer < first) return layer;
  return config.layer_types.slice(0, first).lastIndexOf(config.layer_types[layer] as LayerType);
}
