import * as tf from '@tensorflow/tfjs';
import { activation } from '../nn/activation.js';
import { linear } from '../nn/linear.js';
import { rmsNorm } from '../nn/norm.js';
import { groupedQueryAttention } from '../ops/attention.js';
import { gaussianTopK } from '../ops/gaussian_topk.js';
import { rmsNorm as rmsNormOp } from '../ops/rms_norm.js';
import { rotary, type RotaryTable } from '../ops/rotary.js';
import { constant, normal } from '../tree/init.js';
import { param, type ParamsOf } from '../tree/spec.js';
import * as altup from './gemma3n_altup.js';
import { kvLayer, type Gemma3nTextConfig, type LayerType } from './gemma3n_text_config.js';

/** A linear layer without bias. */
export function linearSpec(inputs: number, outputs: number) {
  return { weight: param([outputs, inputs], 'same', normal(0.02)) };
}

export function normSpec(width: number) {
  return { weight: param([width], 'same', constant(1)) };
}

function attentionSpec(config: Gemma3nTextConfig, layer: number) {
  const { hidden_size: D, head_dim: d, num_attention_heads: h, num_key_value_heads: g } = config;
  const hasOwn = kvLayer(config, layer) === layer;
  return {
    q_proj: linearSpec(D, h * d),
    q_norm: normSpec(d),
    k_proj: hasOwn ? linearSpec(D, g * d) : undefined,
    v_proj: hasOwn ? linearSpec(D, g * d) : undefined,
    k_norm: hasOwn ? normSpec(d) : undefined,
    o_proj: linearSpec(h * d, D),
  };
}

/** The parameters of one decoder layer (Gemma3nTextDecoderLayer). */
export function layerSpec(config: Gemma3nTextConfig, layer: number) {
  const { hidden_size: D, hidden_size_per_layer_input: P, laurel_rank: r } = config;
  const I = config.intermediate_size[layer] as number;
  return {
    self_attn: attentionSpec(config, layer),
    mlp: { gate_proj: linearSpec(D, I), up_proj: linearSpec(D, I), down_proj: linearSpec(I, D) },
    input_layernorm: normSpec(D),
    post_attention_layernorm: normSpec(D),
    pre_feedforward_layernorm: normSpec(D),
    post_feedforward_layernorm: normSpec(D),
    altup: altup.altupSpec(config),
    laurel: { linear_left: linearSpec(D, r), linear_right: linearSpec(r, D), post_laurel_norm: normSpec(D) },
    per_layer_input_gate: linearSpec(D, P),
    per_layer_projection: linearSpec(P, D),
    post_per_layer_input_norm: normSpec(D),
  };
}

type LayerParams = ParamsOf<ReturnType<typeof layerSpec>>;
type AttentionParams = LayerParams['self_attn'];

/** Keys and values `[B, N, g, d]` that later layers attend to as well. */
export interface KeysAndValues {
  readonly keys: tf.Tensor4D;
  readonly values: tf.Tensor4D;
}

/** What every layer of a pass over B sequences of N tokens is given. */
export interface PassContext {
  readonly config: Gemma3nTextConfig;
  readonly B: number;
  readonly N: number;
  readonly masks: Readonly<Record<LayerType, tf.Tensor4D>>;
  readonly rotaryTables: Readonly<Record<LayerType, RotaryTable>>;
}

/** One layer and what stands for it in the pass. */
export interface LayerInput {
  readonly layer: number;
  /** The A versions of each token, `[T, A, D]` with T = B·N. */
  readonly versions: tf.Tensor3D;
  /** The layer's share of the per-layer embeddings, `[T, P]`. */
  readonly perLayer: tf.Tensor2D;
  /** Of the layer that this one shares them with. */
  readonly shared: KeysAndValues | undefined;
}

/** What a layer gives, owned by the caller. */
export interface LayerOutput {
  readonly versions: tf.Tensor3D;
  readonly kv: KeysAndValues;
}

function ownKeysAndValues(x: tf.Tensor2D, params: AttentionParams, table: RotaryTable, context: PassContext) {
  const { k_proj, v_proj, k_norm } = params;
  if (k_proj === undefined || v_proj === undefined || k_norm === undefined) {
    throw new Error('a layer without keys and values of its own was given none');
  }
  const { config, B, N } = context;
  const { num_key_value_heads: g, head_dim: d, rms_norm_eps: eps } = config;
  const heads = (y: tf.Tensor2D): tf.Tensor4D => tf.reshape(y, [B, N, g, d]);
  const keys = rotary(rmsNorm(heads(linear(x, k_proj.weight)), k_norm.weight, eps), table);
  return { keys, values: rmsNormOp(heads(linear(x, v_proj.weight)), tf.ones([d]), eps) };
}

/** Attention over the sequences of x `[T, D]`; the result has that shape. */
function attention(x: tf.Tensor2D, params: AttentionParams, { layer, shared }: LayerInput, context: PassContext) {
  const { config, B, N, masks, rotaryTables } = context;
  const type = config.layer_types[layer] as LayerType;
  const table = rotaryTables[type];
  const { num_attention_heads: h, head_dim: d } = config;
  const projected = tf.reshape(linear(x, params.q_proj.weight), [B, N, h, d]) as tf.Tensor4D;
  const queries = rotary(rmsNorm(projected, params.q_norm.weight, config.rms_norm_eps), table);
  const kv = shared ?? ownKeysAndValues(x, params, table, context);
  const heads = groupedQueryAttention(queries, kv.keys, kv.values, masks[type]);
  return { attended: linear(tf.reshape(heads, [B * N, h * d]) as tf.Tensor2D, params.o_proj.weight), kv };
}

/** Learned augmented residual layer (Menghani et al. 2025, arXiv:2411.07501); x `[T, D]`. */
function laurel(x: tf.Tensor2D, params: LayerParams['laurel'], eps: number): tf.Tensor2D {
  const lowRank = linear(linear(x, params.linear_left.weight), params.linear_right.weight);
  return tf.add(x, rmsNorm(lowRank, params.post_laurel_norm.weight, eps));
}

function mlp(x: tf.Tensor2D, params: LayerParams['mlp'], config: Gemma3nTextConfig, layer: number): tf.Tensor2D {
  const sparsity = config.activation_sparsity_pattern[layer] as number;
  const projected = linear(x, params.gate_proj.weight);
  const gate = activation(sparsity > 0 ? gaussianTopK(projected, sparsity) : projected, config.hidden_activation);
  return linear(tf.mul(gate, linear(x, params.up_proj.weight)) as tf.Tensor2D, params.down_proj.weight);
}

/** The versions but the first get the layer's own embedding of each token, gated by the active version. */
function addPerLayer(corrected: tf.Tensor3D, perLayer: tf.Tensor2D, params: LayerParams, config: Gemma3nTextConfig) {
  const [T, A, D] = corrected.shape;
  const active = altup.activeOutput(corrected, params.altup, config);
  const gate = activation(linear(active, params.per_layer_input_gate.weight), config.hidden_activation);
  const projected = linear(tf.mul(gate, perLayer) as tf.Tensor2D, params.per_layer_projection.weight);
  const normed = rmsNorm(projected, params.post_per_layer_input_norm.weight, config.rms_norm_eps);
  const added = tf.tile(tf.expandDims(normed, 1), [1, A - 1, 1]);
  return tf.add(corrected, tf.concat([tf.zeros([T, 1, D]), added], 1)) as tf.Tensor3D;
}

/**
 * One decoder layer: AltUp's prediction, attention beside LAuReL, the feed-forward network, AltUp's correction and the
 * per-layer embedding (Gemma3nTextDecoderLayer).
 */
export function decoderLayer(params: LayerParams, input: LayerInput, context: PassContext): LayerOutput {
  const { config } = context;
  const { rms_norm_eps: eps, altup_active_idx: active } = config;
  return tf.tidy(() => {
    const predictions = altup.predict(input.versions, params.altup, config);
    const x = altup.version(predictions, active);
    const normed = rmsNorm(x, params.input_layernorm.weight, eps);
    const { attended, kv } = attention(normed, params.self_attn, input, context);
    const gated = tf.add(x, rmsNorm(attended, params.post_attention_layernorm.weight, eps));
    const mixed = tf.mul(tf.add(gated, laurel(normed, params.laurel, eps)), Math.SQRT1_2) as tf.Tensor2D;
    const fed = mlp(rmsNorm(mixed, params.pre_feedforward_layernorm.weight, eps), params.mlp, config, input.layer);
    const activated = tf.add(mixed, rmsNorm(fed, params.post_feedforward_layernorm.weight, eps)) as tf.Tensor2D;
    const corrected = altup.correct(predictions, activated, params.altup, config);
    return { versions: addPerLayer(corrected, input.perLayer, params, config), kv: { ...kv } };
  });
}
