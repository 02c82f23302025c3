import type { OpenTensorSource, StreamedTensor } from '../files/safetensors.js';
import { dtypeBytes } from '../files/safetensors_header.js';
import { toFloat32 } from '../files/safetensors_values.js';
import { checkEntries, type TensorSource } from '../tree/params.js';
import { sizeOf } from '../tree/spec.js';
import { prefixOf } from './checkpoint.js';
import { gemma3nTextAnchor, spec } from './gemma3n_text.js';
import type { Gemma3nTextConfig } from './gemma3n_text_config.js';
import type { MatformerSlice } from './matformer.js';

/** Bytes that are read at once. */
const largestPiece = 2 ** 24;

/** Indices from `begin` to before `end`. */
interface Run {
  readonly begin: number;
  readonly end: number;
}

/** The rows and columns of a matrix that are kept; all without. */
interface Cut {
  readonly rows?: readonly Run[];
  readonly columns?: readonly Run[];
}

interface Entry {
  /** Its name in the base. */
  readonly name: string;
  readonly cut: Cut;
  readonly shape: readonly number[];
}

function lengthOf(runs: readonly Run[]): number {
  return runs.reduce((sum, { begin, end }) => sum + end - begin, 0);
}

/** The kept layers' shares of an axis that has `size` places a layer, in runs as long as they go. */
function layerRuns(layers: readonly number[], size: number): Run[] {
  const runs: Run[] = [];
  for (const layer of layers) {
    const [begin, end] = [layer * size, (layer + 1) * size];
    const last = runs.at(-1);
    if (last?.end === begin) runs[runs.length - 1] = { begin: last.begin, end };
    else runs.push({ begin, end });
  }
  return runs;
}

/** Where an entry of the language model stands in a slice and what of it; undefined where its layer is dropped. */
function place(path: string, { layers, intermediate_size }: MatformerSlice, base: Gemma3nTextConfig) {
  const P = base.hidden_size_per_layer_input;
  const [, number, rest] = /^layers\.(\d+)\.(.+)$/.exec(path) ?? [];
  if (number !== undefined) {
    const at = layers.indexOf(Number(number));
    if (at < 0) return undefined;
    const units = [{ begin: 0, end: intermediate_size[at] as number }];
    const isWide = rest === 'mlp.gate_proj.weight' || rest === 'mlp.up_proj.weight';
    const cut = isWide ? { rows: units } : rest === 'mlp.down_proj.weight' ? { columns: units } : {};
    return { path: `layers.${at}.${rest}`, cut };
  }
  if (path === 'embed_tokens_per_layer.weight') return { path, cut: { columns: layerRuns(layers, P) } };
  if (path === 'per_layer_model_projection.weight') return { path, cut: { rows: layerRuns(layers, P) } };
  return { path, cut: {} };
}

function shapeAfter(shape: readonly number[], { rows, columns }: Cut): number[] {
  const [height = 1, width = 1] = shape;
  if (rows === undefined && columns === undefined) return [...shape];
  return [rows === undefined ? height : lengthOf(rows), columns === undefined ? width : lengthOf(columns)];
}

/** The wanted columns of `bytes`, rows of `rowBytes` one after the other. */
function pickColumns(bytes: Uint8Array, rowBytes: number, columns: readonly Run[], valueBytes: number): Uint8Array {
  const rows = bytes.byteLength / rowBytes;
  const picked = new Uint8Array(rows * lengthOf(columns) * valueBytes);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    for (const { begin, end } of columns) {
      const part = bytes.subarray(row * rowBytes + begin * valueBytes, row * rowBytes + end * valueBytes);
      picked.set(part, at);
      at += part.byteLength;
    }
  }
  return picked;
}

/**
 * A checkpoint of Gemma 3n seen as one of its slices: the language model's layers renumbered, their feed-forward networks
 * cut to their first units, the tables of per-layer embeddings to the kept layers. Entries of vision, audio and embedders are
 * those of the base. Nothing is read before it is asked for, and then in pieces; bytes stay as they are stored.
 */
export class SlicedCheckpoint implements TensorSource {
  readonly where: string;
  private readonly entries = new Map<string, Entry>();

  /** @throws BadInput when the checkpoint has not every entry of the base's language model in its shape. */
  constructor(
    private readonly base: OpenTensorSource,
    config: Gemma3nTextConfig,
    slice: MatformerSlice,
    private readonly pieceBytes = largestPiece,
  ) {
    this.where = base.where;
    const prefix = prefixOf(base, gemma3nTextAnchor);
    checkEntries(spec(config), base, (path) => prefix + path);
    for (const name of base.names()) {
      const placed = name.startsWith(prefix) ? place(name.slice(prefix.length), slice, config) : undefined;
      if (placed !== undefined) {
        const shape = shapeAfter(base.shapeOf(name), placed.cut);
        this.entries.set(prefix + placed.path, { name, cut: placed.cut, shape });
      } else if (!name.startsWith(prefix)) {
        this.entries.set(name, { name, cut: {}, shape: base.shapeOf(name) });
      }
    }
  }

  private entry(name: string): Entry {
    const entry = this.entries.get(name);
    if (entry === undefined) throw new Error(`${name} is not in the slice`);
    return entry;
  }

  names(): Iterable<string> {
    return this.entries.keys();
  }

  shapeOf(name: string): readonly number[] {
    return this.entry(name).shape;
  }

  dtypeOf(name: string): string {
    return this.base.dtypeOf(this.entry(name).name);
  }

  /** The stored bytes, a few megabytes at a time. */
  *pieces(name: string): Generator<Uint8Array> {
    const { name: from, cut } = this.entry(name);
    const shape = this.base.shapeOf(from);
    const height = shape[0] ?? 1;
    const valueBytes = dtypeBytes.get(this.base.dtypeOf(from)) as number;
    const rowBytes = (sizeOf(shape) / Math.max(1, height)) * valueBytes;
    const step = Math.max(1, Math.floor(this.pieceBytes / rowBytes));
    for (const { begin, end } of cut.rows ?? [{ begin: 0, end: height }]) {
      for (let row = begin; row < end; row += step) {
        const bytes = this.base.range(from, row * rowBytes, Math.min(step, end - row) * rowBytes);
        yield cut.columns === undefined ? bytes : pickColumns(bytes, rowBytes, cut.columns, valueBytes);
      }
    }
  }

  read(name: string): Float32Array {
    return toFloat32(this.dtypeOf(name), Buffer.concat([...this.pieces(name)]));
  }

  /** The slice's tensors to be written. */
  tensors(): Map<string, StreamedTensor> {
    const streamed = (name: string): StreamedTensor => ({
      dtype: this.dtypeOf(name),
      shape: this.shapeOf(name),
      make: () => this.pieces(name),
    });
    return new Map([...this.names()].map((name) => [name, streamed(name)]));
  }
}
