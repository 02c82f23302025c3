import * as tf from '@tensorflow/tfjs';
import { BadInput } from '../host/errors.js';
import { denseValue, linear } from '../nn/linear.js';
import { rmsNorm } from '../nn/norm.js';
import { causalMask } from '../ops/attention.js';
import { rotaryTable } from '../ops/rotary.js';
import { normal } from '../tree/init.js';
import { param, type ParamsOf } from '../tree/spec.js';
import { FeatureCollector, type FeatureMap } from './features.js';
import { collapse, expand } from './gemma3n_altup.js';
import { kvLayer, type Gemma3nTextConfig } from './gemma3n_text_config.js';
import {
  decoderLayer,
  layerSpec,
  linearSpec,
  normSpec,
  type KeysAndValues,
  type PassContext,
} from './gemma3n_text_layer.js';

/** An entry that Gemma 3n's language model alone has: where its prefix in a checkpoint ends. */
export const gemma3nTextAnchor = 'embed_tokens_per_layer.weight';

/**
 * The parameters of Gemma 3n's language model under the names of Gemma3nTextModel (no prefix). Layers that share keys and
 * values have none of their own; a file may hold some for them, which transformers ignores too. The head is the table of
 * embeddings.
 */
export function spec(config: Gemma3nTextConfig) {
  const { hidden_size: D, hidden_size_per_layer_input: P, num_hidden_layers: L, altup_num_inputs: A } = config;
  const projections = () => Array.from({ length: A - 1 }, () => linearSpec(D, D));
  return {
    embed_tokens: { weight: param([config.vocab_size, D], 'same', normal(0.02)) },
    layers: Array.from({ length: L }, (_, layer) => layerSpec(config, layer)),
    norm: normSpec(D),
    embed_tokens_per_layer: { weight: param([config.vocab_size_per_layer_input, L * P], 'same', normal(0.02)) },
    per_layer_model_projection: linearSpec(D, L * P),
    per_layer_projection_norm: normSpec(P),
    altup_projections: projections(),
    altup_unembed_projections: projections(),
  };
}

export type Gemma3nTextParams = ParamsOf<ReturnType<typeof spec>>;

export interface Gemma3nTextOptions {
  /** Names of the wanted features; every one without it. Layers above the last wanted one are not computed. */
  readonly features?: readonly string[] | undefined;
  /** `[B, N]`: 0 for padding, which no token attends to, else 1. */
  readonly attentionMask?: tf.Tensor2D | undefined;
}

function checkIds(ids: tf.Tensor2D, { vocab_size }: Gemma3nTextConfig): void {
  const wrong = ids.dataSync().find((id) => !(id >= 0 && id < vocab_size));
  if (wrong === undefined) return;
  throw new BadInput({ where: 'input_ids', expected: `tokens from 0 to ${vocab_size - 1}`, got: String(wrong) });
}

function checkMask(mask: tf.Tensor2D | undefined, [B, N]: readonly [number, number]): void {
  if (mask === undefined || mask.shape.join() === [B, N].join()) return;
  throw new BadInput({ where: 'attention_mask', expected: `shape [${B}, ${N}]`, got: `[${mask.shape.join(', ')}]` });
}

/** The embedded tokens, `[T, D]`, scaled by √D. */
function embed(ids: tf.Tensor1D, params: Gemma3nTextParams, { hidden_size: D }: Gemma3nTextConfig): tf.Tensor2D {
  return tf.tidy(() => tf.mul(tf.gather(denseValue<tf.Tensor2D>(params.embed_tokens.weight), ids), Math.sqrt(D)));
}

/** Every layer's own embedding of the tokens, from a table and from the embedded tokens x: `[T, L, P]`. */
function perLayerEmbeddings(
  ids: tf.Tensor1D,
  x: tf.Tensor2D,
  params: Gemma3nTextParams,
  config: Gemma3nTextConfig,
): tf.Tensor3D {
  const { hidden_size: D, hidden_size_per_layer_input: P, num_hidden_layers: L } = config;
  return tf.tidy(() => {
    const inTable = tf.less(ids, config.vocab_size_per_layer_input);
    const rows = tf.mul(ids, tf.cast(inTable, 'int32')) as tf.Tensor1D;
    const table = tf.mul(tf.gather(denseValue<tf.Tensor2D>(params.embed_tokens_per_layer.weight), rows), Math.sqrt(P));
    const scaled = tf.mul(linear(x, params.per_layer_model_projection.weight), 1 / Math.sqrt(D));
    const projected = tf.reshape(scaled, [-1, L, P]) as tf.Tensor3D;
    const normed = rmsNorm(projected, params.per_layer_projection_norm.weight, config.rms_norm_eps);
    return tf.mul(tf.add(normed, tf.reshape(table, [-1, L, P])), Math.SQRT1_2);
  });
}

function contextOf(
  config: Gemma3nTextConfig,
  [B, N]: readonly [number, number],
  padding: tf.Tensor2D | undefined,
): PassContext {
  const { head_dim: d, rope_theta: theta, sliding_window: window } = config;
  return {
    config,
    B,
    N,
    masks: { full_attention: causalMask(N, N, padding), sliding_attention: causalMask(N, window, padding) },
    rotaryTables: {
      full_attention: rotaryTable(N, d, theta.full_attention),
      sliding_attention: rotaryTable(N, d, theta.sliding_attention),
    },
  };
}

/** The versions `[T, A, D]` as transformers' hidden states, `[A, B, N, D]`. */
function asPublished(versions: tf.Tensor3D, { B, N }: PassContext): tf.Tensor4D {
  const [, A, D] = versions.shape;
  return tf.tidy(() => tf.reshape(tf.transpose(versions, [1, 0, 2]), [A, B, N, D]));
}

/** Logits `[B, N, V]` of normed tokens `[T, D]`. */
function head(x: tf.Tensor2D, params: Gemma3nTextParams, { config, B, N }: PassContext): tf.Tensor3D {
  const cap = config.final_logit_softcapping;
  return tf.tidy(() => {
    const logits = tf.reshape(linear(x, params.embed_tokens.weight), [B, N, config.vocab_size]) as tf.Tensor3D;
    return cap === null ? logits : tf.mul(tf.tanh(tf.div(logits, cap)), cap);
  });
}

/** The layer after which the keys and values of a layer are needed no more. */
function lastUser(config: Gemma3nTextConfig, owner: number): number {
  const users = Array.from({ length: config.num_hidden_layers }, (_, layer) => kvLayer(config, layer));
  return users.lastIndexOf(owner);
}

/** Runs the layers one after the other and offers the hidden states; gives the versions after the last one that is wanted. */
function runLayers(
  first: tf.Tensor3D,
  perLayer: tf.Tensor3D,
  params: Gemma3nTextParams,
  context: PassContext,
  features: FeatureCollector,
): tf.Tensor3D {
  const { config } = context;
  const [T, , P] = perLayer.shape;
  const kept = new Map<number, KeysAndValues>();
  let versions = first;
  for (const [layer, layerParams] of params.layers.entries()) {
    if (features.complete) break;
    const owner = kvLayer(config, layer);
    const own = tf.tidy(() => tf.reshape(tf.slice(perLayer, [0, layer, 0], [T, 1, P]), [T, P]));
    const input = { layer, versions, perLayer: own as tf.Tensor2D, shared: kept.get(owner) };
    const output = decoderLayer(layerParams, input, context);
    tf.dispose([versions, own]);
    versions = output.versions;
    kept.set(owner, output.kv);
    if (lastUser(config, owner) === layer) tf.dispose({ ...output.kv });
    const published = asPublished(versions, context);
    features.offer(`hidden_states.${layer + 1}`, published);
    features.release(published);
  }
  return versions;
}

/**
 * Gemma 3n's language model (transformers/models/gemma3n/modeling_gemma3n.py, Gemma3nForCausalLM) on sequences of tokens
 * `[B, N]` (int32) from their first position on. The features, owned by the caller: `hidden_states.0` (what enters the first
 * layer) … `hidden_states.L` (output of layer L), each `[A, B, N, D]` with AltUp's A versions of a token; `last_hidden_state`
 * `[B, N, D]`, after the last norm; `logits` `[B, N, V]`. Scores of a layer take B·h·N² numbers.
 * @throws BadInput for a token beyond the vocabulary, a mask of another shape, or a wanted feature that does not exist.
 */
export function forward(
  params: Gemma3nTextParams,
  ids: tf.Tensor2D,
  config: Gemma3nTextConfig,
  { features: wanted, attentionMask }: Gemma3nTextOptions = {},
): FeatureMap {
  checkIds(ids, config);
  checkMask(attentionMask, ids.shape);
  const [B, N] = ids.shape;
  return tf.tidy(() => {
    const features = new FeatureCollector(wanted);
    const context = contextOf(config, ids.shape, attentionMask);
    const flat = tf.reshape(ids, [B * N]) as tf.Tensor1D;
    const x = embed(flat, params, config);
    const perLayer = perLayerEmbeddings(flat, x, params, config);
    const first = expand(x, params.altup_projections);
    features.offer('hidden_states.0', asPublished(first, context));
    const versions = runLayers(first, perLayer, params, context, features);
    if (features.complete) return features.result();
    const last = tf.tidy(() =>
      rmsNorm(collapse(versions, params.altup_unembed_projections), params.norm.weight, config.rms_norm_eps),
    );
    features.offer('last_hidden_state', tf.reshape(last, [B, N, config.hidden_size]));
    if (!features.complete) features.offer('logits', head(last, params, context));
    return features.result();
  });
}
