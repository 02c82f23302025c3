import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { openSafetensors, writeSafetensors } from 'gemma-3ncore/files/safetensors';
import { BadInput } from 'gemma-3ncore/host/errors';
import { forward, spec } from 'gemma-3ncore/models/gemma3n_text';
import { gemma3nTextConfig } from 'gemma-3ncore/models/gemma3n_text_config';
import { matformerSlice, sliceConfig } from 'gemma-3ncore/models/matformer';
import { SlicedCheckpoint } from 'gemma-3ncore/models/matformer_checkpoint';
import { disposeParams, load } from 'gemma-3ncore/tree/params';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { golden, goldenJson } from '../support/goldens.js';

const folder = useFolder();
const whole = golden('gemma3n', 'multimodal_bf16');
const json = goldenJson('gemma3n', 'multimodal_bf16', 'config.json');
const base = gemma3nTextConfig(json);
const layers = [0, 1, 3];
const widths = [64, 10, 33];
const P = 8;

const language = 'model.language_model.';

/** The rows of a matrix in a file, each as its values. */
function rows(values: Float32Array, [height = 1, width = 1]: readonly number[]): number[][] {
  return Array.from({ length: height }, (_, row) => [...values.subarray(row * width, (row + 1) * width)]);
}

/** What a slice of the golden holds under a name, by the book: matrices as lists of rows, cut by filtering. */
function expected(name: string, source: ReturnType<typeof openSafetensors>): number[][] {
  const [, layer, rest] = /^layers\.(\d+)\.(.*)$/.exec(name.slice(language.length)) ?? [];
  const from = layer === undefined ? name : `${language}layers.${layers[Number(layer)]}.${rest}`;
  const matrix = rows(source.read(from), source.shapeOf(from));
  const keptLayer = (_: unknown, i: number): boolean => layers.includes(Math.floor(i / P));
  const width = widths[Number(layer)];
  if (rest === 'mlp.gate_proj.weight' || rest === 'mlp.up_proj.weight') return matrix.slice(0, width);
  if (rest === 'mlp.down_proj.weight') return matrix.map((row) => row.slice(0, width));
  if (name.endsWith('embed_tokens_per_layer.weight')) return matrix.map((row) => row.filter(keptLayer));
  if (name.endsWith('per_layer_model_projection.weight')) return matrix.filter(keptLayer);
  return matrix;
}

describe('models/matformer_checkpoint', () => {
  useEngine();
  const slice = matformerSlice({ layers, intermediate_size: widths }, base, 's.json');

  for (const pieceBytes of [undefined, 200]) {
    it(`holds of the language model what is kept, read ${pieceBytes ?? 'many'} bytes at once`, () => {
      const source = openSafetensors(whole);
      const sliced = new SlicedCheckpoint(source, base, slice, pieceBytes);
      const names = [...sliced.names()].filter((name) => name.startsWith(language));
      const dropped = [...source.names()].filter((name) => name.startsWith(`${language}layers.2.`));
      const all = [...source.names()].filter((name) => name.startsWith(language));
      assert.equal(names.length, all.length - dropped.length);
      for (const name of names) {
        assert.equal(sliced.dtypeOf(name), 'BF16');
        const values = expected(name, source);
        assert.deepEqual([...sliced.read(name)], values.flat(), name);
        const [height, width] = sliced.shapeOf(name);
        if (width !== undefined) assert.deepEqual([height, width], [values.length, values[0]!.length], name);
        const most = Math.max(pieceBytes ?? 2 ** 24, 2 * 64);
        for (const piece of sliced.pieces(name)) assert.ok(piece.byteLength <= most, name);
      }
      source.close();
    });
  }

  it('leaves vision, audio and embedders as they are, byte for byte', () => {
    const source = openSafetensors(whole);
    const sliced = new SlicedCheckpoint(source, base, slice, 1000);
    const others = [...source.names()].filter((name) => !name.startsWith(language));
    const kept = [...sliced.names()].filter((name) => !name.startsWith(language));
    assert.deepEqual(kept.sort(), others.sort());
    for (const part of ['vision_tower', 'embed_vision', 'audio_tower', 'embed_audio']) {
      assert.ok(others.some((name) => name.startsWith(`model.${part}.`)));
    }
    for (const name of others) {
      assert.deepEqual(sliced.shapeOf(name), source.shapeOf(name));
      assert.equal(sliced.dtypeOf(name), source.dtypeOf(name));
      assert.ok(Buffer.concat([...sliced.pieces(name)]).equals(source.bytes(name)), name);
    }
    source.close();
  });

  it('is a model whose logits are those of transformers after slicing', () => {
    const text = golden('gemma3n', 'text');
    const config = goldenJson('gemma3n', 'text', 'config.json');
    const source = openSafetensors(text);
    const io = openSafetensors(golden('gemma3n', 'text_e2b_like', 'io.safetensors'));
    const like = matformerSlice({ layers: [0, 1, 2, 3, 6, 7], intermediate_size: 32 }, gemma3nTextConfig(config), 's');
    const smaller = gemma3nTextConfig(JSON.parse(sliceConfig(JSON.stringify(config), like)) as typeof config);
    const sliced = new SlicedCheckpoint(source, gemma3nTextConfig(config), like);
    const params = load(spec(smaller), sliced, (path) => `model.${path}`);
    tf.tidy(() => {
      const found = forward(params, tf.tensor2d(io.read('input_ids'), [2, 11], 'int32'), smaller);
      // 1e-4 · max(1, max|expected|): the goldens' rule for forward passes.
      assertClose(found['logits']!.dataSync(), io.read('logits'), 1e-4);
    });
    disposeParams(params);
    source.close();
    io.close();
  });

  it('refuses a checkpoint that is not the one of the configuration, and weights that are packed', async () => {
    const source = openSafetensors(whole);
    const wider = { ...base, intermediate_size: [64, 64, 64, 65] };
    const entry = 'model\\.language_model\\.layers\\.3\\.mlp\\.gate_proj\\.weight';
    const refused = (work: () => unknown, message: RegExp): void => {
      assert.throws(work, (error) => error instanceof BadInput && message.test(error.message), message.source);
    };
    refused(
      () => new SlicedCheckpoint(source, wider, slice),
      new RegExp(`entry ${entry}: expected shape \\[65, 32\\], got \\[64, 32\\]`),
    );
    const path = join(folder, 'packed.safetensors');
    const name = 'model.language_model.layers.3.mlp.gate_proj.weight';
    const tensors = [...source.names()].map((tensor) => {
      const [dtype, data] =
        tensor === name ? ['I8', new Uint8Array(64 * 32)] : [source.dtypeOf(tensor), source.bytes(tensor)];
      return [tensor, { dtype, shape: source.shapeOf(tensor), data }] as const;
    });
    await writeSafetensors(path, new Map(tensors));
    const packed = openSafetensors(path);
    refused(
      () => new SlicedCheckpoint(packed, base, slice),
      new RegExp(`entry ${entry}: expected weights of type .*, got I8`),
    );
    packed.close();
    source.close();
    const vision = openSafetensors(golden('siglip', 'p14_56'));
    refused(
      () => new SlicedCheckpoint(vision, base, slice),
      /expected one entry ending in embed_tokens_per_layer\.weight/,
    );
    vision.close();
  });
});
