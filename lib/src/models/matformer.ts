import { float, parseFloatJson, stringifyFloatJson } from '../files/float_json.js';
import { isJsonObject, type JsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';
import { ConfigFields } from './config_fields.js';
import { firstSharedLayer, gemma3nTextConfig, kvLayer, type Gemma3nTextConfig } from './gemma3n_text_config.js';

/**
 * A smaller model inside Gemma 3n's language model, which MatFormer trains with it (Devvrit et al. 2023, arXiv:2310.07707):
 * the layers of the base that are kept, and of each one how many of the first units of its feed-forward network.
 */
export interface MatformerSlice {
  /** Ascending, 0-based. */
  readonly layers: readonly number[];
  /** One width a kept layer. */
  readonly intermediate_size: readonly number[];
}

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function checkLayers(layers: readonly number[], base: Gemma3nTextConfig, where: string): void {
  const fail = (expected: string, got: string): never => {
    throw new BadInput({ where: `${where}, field layers`, expected, got });
  };
  const last = base.num_hidden_layers - 1;
  const wrong = layers.find((layer, i) => layer < 0 || layer > last || (i > 0 && layer <= (layers[i - 1] as number)));
  if (layers.length === 0) fail('at least one layer', 'none');
  if (wrong !== undefined) fail(`layers from 0 to ${last} in ascending order, each once`, String(wrong));
  const first = firstSharedLayer(base);
  const reserved = range(base.num_hidden_layers)
    .slice(first)
    .map((layer) => kvLayer(base, layer));
  const missing = reserved.sort((a, b) => a - b).find((layer) => !layers.includes(layer));
  if (missing === undefined) return;
  fail(`layer ${missing} among them, whose keys and values layers from ${first} on share`, 'a list without it');
}

function checkWidths({ layers, intermediate_size: widths }: MatformerSlice, base: Gemma3nTextConfig, where: string) {
  const field = `${where}, field intermediate_size`;
  if (widths.length !== layers.length) {
    const got = `${widths.length}`;
    throw new BadInput({ where: field, expected: `${layers.length} widths, one a kept layer`, got });
  }
  for (const [i, layer] of layers.entries()) {
    const [width, most] = [widths[i] as number, base.intermediate_size[layer] as number];
    if (width >= 1 && width <= most) continue;
    const expected = `a width from 1 to the ${most} of the base's layer ${layer}`;
    throw new BadInput({ where: `${field}, value ${i}`, expected, got: String(width) });
  }
}

/**
 * A slice from a JSON object: `layers`, the base's all without it, and `intermediate_size`, a list or one width for all.
 * @throws BadInput for another field, a layer that the base has not or that others need, or a width beyond the base's.
 */
export function matformerSlice(json: JsonObject, base: Gemma3nTextConfig, where: string): MatformerSlice {
  const fields = new ConfigFields(json, where);
  const unknown = Object.keys(json).find((name) => name !== 'layers' && name !== 'intermediate_size');
  if (unknown !== undefined) throw new BadInput({ where, expected: 'fields layers, intermediate_size', got: unknown });
  const layers = fields.integers('layers', range(base.num_hidden_layers));
  checkLayers(layers, base, where);
  const width = json['intermediate_size'];
  const widths =
    typeof width === 'number' ? layers.map(() => width) : layers.map((i) => base.intermediate_size[i] ?? 0);
  const perLayer = typeof width === 'number' ? new ConfigFields({ intermediate_size: widths }, where) : fields;
  const slice = { layers, intermediate_size: perLayer.integers('intermediate_size', widths) };
  checkWidths(slice, base, where);
  return slice;
}

/**
 * Gemma 3n E2B as it stands in E4B: without layers 20 to 24, feed-forward networks half as wide.
 * @throws BadInput when the base has not E4B's layers and widths.
 */
export function e2bSlice(base: Gemma3nTextConfig, where: string): MatformerSlice {
  const { num_hidden_layers: layers, num_kv_shared_layers: shared, intermediate_size: widths } = base;
  if (layers !== 35 || shared !== 15 || widths.some((width) => width !== 16384)) {
    const found = [...new Set(widths)].join(', ');
    const expected = 'Gemma 3n E4B (35 layers of width 16384, 15 of them shared) for the preset e2b';
    throw new BadInput({ where, expected, got: `${layers} layers of width ${found}, ${shared} of them shared` });
  }
  return matformerSlice(
    { layers: range(35).filter((layer) => layer < 20 || layer > 24), intermediate_size: 8192 },
    base,
    where,
  );
}

/**
 * The text of a slice's `config.json` from that of the base, of the language model alone or of all of Gemma 3n (where
 * `text_config` changes); every other field stays as it is spelled. A dropped layer takes its type, its sparsity and, where
 * it is one, its place among the shared along.
 */
export function sliceConfig(text: string, { layers, intermediate_size }: MatformerSlice): string {
  const withoutMark = text.replace(/^\uFEFF/, '');
  const base = gemma3nTextConfig(JSON.parse(withoutMark) as JsonObject);
  const json = parseFloatJson(withoutMark) as JsonObject;
  const first = firstSharedLayer(base);
  const changed = {
    num_hidden_layers: layers.length,
    intermediate_size,
    num_kv_shared_layers: layers.filter((layer) => layer >= first).length,
    layer_types: layers.map((layer) => base.layer_types[layer]),
    activation_sparsity_pattern: layers.map((layer) => float(base.activation_sparsity_pattern[layer] as number)),
  };
  const nested = json['text_config'];
  return stringifyFloatJson(
    isJsonObject(nested) ? { ...json, text_config: { ...nested, ...changed } } : { ...json, ...changed },
  );
}
