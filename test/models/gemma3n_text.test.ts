import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig } from 'gemma-3ncore/adapters/lora_config';
import { float32Data, openSafetensors, writeSafetensors } from 'gemma-3ncore/files/safetensors';
import { BadInput } from 'gemma-3ncore/host/errors';
import { loadCheckpoint } from 'gemma-3ncore/models/checkpoint';
import { forward, gemma3nTextAnchor, spec, type Gemma3nTextParams } from 'gemma-3ncore/models/gemma3n_text';
import { gemma3nTextConfig } from 'gemma-3ncore/models/gemma3n_text_config';
import { disposeParams, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { countParameters, flattenSpec } from 'gemma-3ncore/tree/spec';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { randomGemma, smallGemma } from '../support/gemma.js';
import { golden, goldenJson } from '../support/goldens.js';

const folder = useFolder();
const checkpoint = golden('gemma3n', 'text');
const config = gemma3nTextConfig(goldenJson('gemma3n', 'text', 'config.json'));
const small = gemma3nTextConfig(smallGemma);
const hidden = (layers: number): string[] => Array.from({ length: layers + 1 }, (_, i) => `hidden_states.${i}`);

function withGolden(
  work: (params: Gemma3nTextParams, ids: tf.Tensor2D, io: ReturnType<typeof openSafetensors>) => void,
) {
  const io = openSafetensors(join(checkpoint, 'io.safetensors'));
  const params = loadCheckpoint(spec(config), checkpoint, gemma3nTextAnchor);
  const ids = tf.tensor2d(io.read('input_ids'), [2, 11], 'int32');
  work(params, ids, io);
  ids.dispose();
  disposeParams(params);
  io.close();
}

/** Logits of the small random model for rows of tokens. */
function logits(params: Gemma3nTextParams, rows: number[][], mask?: number[][]): number[][][] {
  return tf.tidy(() => {
    const attentionMask = mask === undefined ? undefined : tf.tensor2d(mask, undefined, 'int32');
    const found = forward(params, tf.tensor2d(rows, undefined, 'int32'), small, {
      features: ['logits'],
      attentionMask,
    });
    return found['logits']!.arraySync() as number[][][];
  });
}

describe('models/gemma3n_text', () => {
  useEngine();

  it('gives every hidden state and the logits of transformers', () => {
    const before = tf.memory().numTensors;
    withGolden((params, ids, io) => {
      const loaded = tf.memory().numTensors;
      const found = forward(params, ids, config);
      assert.deepEqual(Object.keys(found), [...hidden(8), 'last_hidden_state', 'logits']);
      assert.equal(tf.memory().numTensors, loaded + 11);
      for (const [name, x] of Object.entries(found)) {
        assert.deepEqual(x.shape, io.shapeOf(name), name);
        // 1e-4 · max(1, max|expected|): the goldens' rule for forward passes.
        assertClose(x.dataSync(), io.read(name), 1e-4, name);
      }
      tf.dispose(found);
    });
    assert.equal(tf.memory().numTensors, before);
  });

  it('gives the wanted features alone and frees the others', () => {
    withGolden((params, ids, io) => {
      for (const features of [['hidden_states.0'], ['hidden_states.3'], ['logits', 'hidden_states.8'], hidden(2)]) {
        const before = tf.memory().numTensors;
        const found = forward(params, ids, config, { features });
        assert.deepEqual(Object.keys(found).sort(), [...features].sort());
        assert.equal(tf.memory().numTensors, before + features.length);
        for (const name of features) assertClose(found[name]!.dataSync(), io.read(name), 1e-4, name);
        tf.dispose(found);
      }
    });
  });

  it('has the names, shapes and size of Gemma 3n E4B by default', () => {
    const { keys } = goldenJson('full', 'gemma3n_e4b_text.keys.json') as { keys: Record<string, number[]> };
    const full = flattenSpec(spec(gemma3nTextConfig({})), 'model.language_model');
    const listed = Object.entries(keys).filter(([name]) => name.startsWith('model.language_model.'));
    assert.deepEqual(
      Object.fromEntries([...full].map(([name, { shape }]) => [name, shape])),
      Object.fromEntries(listed),
    );
    const size = listed.reduce((sum, [, shape]) => sum + shape.reduce((product, n) => product * n, 1), 0);
    assert.equal(countParameters(spec(gemma3nTextConfig({}))), size);
  });

  it('loads the language model out of the whole Gemma 3n', () => {
    const whole = golden('gemma3n', 'multimodal_bf16');
    const parts = gemma3nTextConfig(goldenJson('gemma3n', 'multimodal_bf16', 'config.json'));
    const params = loadCheckpoint(spec(parts), whole, gemma3nTextAnchor);
    tf.tidy(() => {
      // 96 to 111 are beyond the table of per-layer embeddings.
      const found = forward(params, tf.tensor2d([[2, 5, 100, 111]], [1, 4], 'int32'), parts);
      assert.deepEqual(found['hidden_states.4']!.shape, [4, 1, 4, 32]);
      assert.deepEqual(found['logits']!.shape, [1, 4, 112]);
      assert.ok(found['logits']!.dataSync().every((x) => Math.abs(x) < 30));
    });
    disposeParams(params);
  });

  it('ignores keys and values that a file holds for layers that share them', async () => {
    const copy = join(folder, 'unused');
    cpSync(checkpoint, copy, { recursive: true });
    const source = openSafetensors(checkpoint);
    const tensors = [...source.names()].map(
      (name) => [name, float32Data(source.read(name), source.shapeOf(name))] as const,
    );
    const unused = float32Data(new Float32Array(16 * 32).fill(9), [16, 32]);
    const extra = ['k', 'v'].map((x) => [`model.layers.6.self_attn.${x}_proj.weight`, unused] as const);
    await writeSafetensors(join(copy, 'model.safetensors'), new Map([...tensors, ...extra]));
    source.close();
    withGolden((params, ids) => {
      const other = loadCheckpoint(spec(config), copy, gemma3nTextAnchor);
      tf.tidy(() => {
        const [a, b] = [params, other].map((of) => forward(of, ids, config)['logits']!.dataSync());
        assert.deepEqual(a, b);
      });
      disposeParams(other);
    });
  });

  it('is causal, and the same for a sequence with padding before or after it', () => {
    const params = randomGemma(smallGemma);
    const tokens = [7, 70, 3, 3, 41, 12, 66, 5, 29];
    const [plain] = logits(params, [tokens]);
    const [changed] = logits(params, [[...tokens.slice(0, 6), 1, 1, 1]]);
    // Equal but for the order of sums in blocks of another shape.
    assertClose(changed!.slice(0, 6).flat(), plain!.slice(0, 6).flat(), 1e-5);
    assert.notDeepEqual(changed![6], plain![6]);
    const rows = [
      [0, 0, 0, ...tokens],
      [...tokens, 0, 0, 0],
    ];
    const mask = rows.map((_, row) => rows[row]!.map((_, i) => Number(row === 0 ? i > 2 : i < 9)));
    const [left, right] = logits(params, rows, mask);
    // Rotary angles of positions 3 further on: float32 products of rotated queries and keys.
    assertClose(left!.slice(3).flat(), plain!.flat(), 1e-4);
    assertClose(right!.slice(0, 9).flat(), plain!.flat(), 1e-5);
    disposeParams(params);
  });

  it('caps its logits where the configuration says so', () => {
    const params = randomGemma(smallGemma);
    const ids = tf.tensor2d([[1, 2, 3]], [1, 3], 'int32');
    tf.tidy(() => {
      const [capped, free] = [small, { ...small, final_logit_softcapping: null }].map((of) =>
        forward(params, ids, of, { features: ['logits'] })['logits']!.dataSync(),
      );
      assert.ok(free!.some((x) => Math.abs(x) > 1.5));
      const expected = free!.map((x) => 1.5 * Math.tanh(x / 1.5));
      assertClose(capped!, expected, 1e-5);
    });
    ids.dispose();
    disposeParams(params);
  });

  it('has gradients for adapters in every layer', () => {
    const base = randomGemma(smallGemma);
    const lora = loraConfig({
      r: 2,
      lora_alpha: 4,
      target_modules: ['q_proj', 'down_proj', 'linear_left'],
    } as Parameters<typeof loraConfig>[0]);
    const params = wrapLora(base, spec(small), lora, rootKey(2));
    const variables = trainableVariables(params);
    const ids = tf.tensor2d([[4, 9, 70, 33]], [1, 4], 'int32');
    const loss = (): tf.Scalar => tf.mean(tf.square(forward(params, ids, small, { features: ['logits'] })['logits']!));
    const names = [...variables.keys()].filter((name) => name.endsWith('.lora_B'));
    assert.equal(names.length, 6 * 3);
    const { grads } = tf.variableGrads(
      loss,
      names.map((name) => variables.get(name)!),
    );
    const gradients = names.map((name) => grads[variables.get(name)!.name]!);
    for (const [i, name] of names.entries()) {
      const variable = variables.get(name)!;
      const gradient = gradients[i]!;
      const size = tf.tidy(() => tf.norm(gradient).dataSync()[0]!);
      const moved = (step: number): number =>
        tf.tidy(() => {
          variable.assign(tf.mul(gradient, step / size));
          return loss().dataSync()[0]!;
        });
      const slope = (moved(0.005) - moved(-0.005)) / 0.01;
      moved(0);
      // Central differences in float32.
      assert.ok(Math.abs(slope - size) <= 0.02 * size + 1e-4, `${name}: ${slope} against ${size}`);
    }
    tf.dispose([...Object.values(grads), ids]);
    disposeParams(params);
  });

  it('refuses tokens beyond the vocabulary, masks of another shape and features that it has not', () => {
    const params = randomGemma(smallGemma);
    const before = tf.memory().numTensors;
    const ids = tf.tensor2d([[1, 80]], [1, 2], 'int32');
    const good = tf.tensor2d([[1, 79]], [1, 2], 'int32');
    const attentionMask = tf.ones([2, 1]) as tf.Tensor2D;
    const attempts: [() => unknown, RegExp][] = [
      [() => forward(params, ids, small), /input_ids: expected tokens from 0 to 79, got 80/],
      [() => forward(params, good, small, { attentionMask }), /attention_mask: expected shape \[1, 2\], got \[2, 1\]/],
      [
        () => forward(params, good, small, { features: ['hidden_states.7'] }),
        /expected one of hidden_states\.0, .*logits, got/,
      ],
    ];
    for (const [work, message] of attempts) {
      assert.throws(work, (error) => error instanceof BadInput && message.test(error.message), message.source);
    }
    tf.dispose([ids, good, attentionMask]);
    assert.equal(tf.memory().numTensors, before);
    disposeParams(params);
  });
});
