import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BadInput } from 'gemma-3ncore/host/errors';
import { firstSharedLayer, gemma3nTextConfig, kvLayer } from 'gemma-3ncore/models/gemma3n_text_config';
import { goldenJson } from '../support/goldens.js';

const json = goldenJson('gemma3n', 'text', 'config.json');

describe('models/gemma3n_text_config', () => {
  it("takes transformers' defaults, those of Gemma 3n E4B", () => {
    const config = gemma3nTextConfig({});
    assert.deepEqual(config.intermediate_size, Array<number>(35).fill(16384));
    assert.equal(config.layer_types.filter((type) => type === 'full_attention').length, 7);
    assert.equal(config.layer_types[4], 'full_attention');
    assert.deepEqual(config.activation_sparsity_pattern, [
      ...Array<number>(10).fill(0.95),
      ...Array<number>(25).fill(0),
    ]);
    assert.deepEqual(config.rope_theta, { full_attention: 1e6, sliding_attention: 1e4 });
    assert.deepEqual([config.sliding_window, config.final_logit_softcapping, config.altup_num_inputs], [512, 30, 4]);
    assert.deepEqual(
      gemma3nTextConfig({ num_hidden_layers: 10, num_kv_shared_layers: 0 }).activation_sparsity_pattern,
      Array<number>(10).fill(0),
    );
  });

  it('knows whose keys and values a layer attends to', () => {
    const config = gemma3nTextConfig({});
    assert.equal(firstSharedLayer(config), 20);
    assert.deepEqual(
      [0, 4, 18, 19].map((layer) => kvLayer(config, layer)),
      [0, 4, 18, 19],
    );
    assert.deepEqual(
      [20, 23, 24, 29, 34].map((layer) => kvLayer(config, layer)),
      [18, 18, 19, 19, 19],
    );
    const none = gemma3nTextConfig({ num_kv_shared_layers: 0 });
    assert.deepEqual([firstSharedLayer(none), kvLayer(none, 34)], [35, 34]);
  });

  it('reads the whole model, the names of 2025 and no soft-capping', () => {
    assert.deepEqual(gemma3nTextConfig({ model_type: 'gemma3n', text_config: json }), gemma3nTextConfig(json));
    const older = { rope_theta: 7, rope_local_base_freq: 3, rope_scaling: null, final_logit_softcapping: null };
    const config = gemma3nTextConfig(older);
    assert.deepEqual(config.rope_theta, { full_attention: 7, sliding_attention: 3 });
    assert.equal(config.final_logit_softcapping, null);
  });

  it('refuses what does not fit or is not computed here, naming the field', () => {
    const rope = (type: string) => ({ rope_parameters: { full_attention: { rope_type: type } } });
    const refused: [object, RegExp][] = [
      [
        { intermediate_size: [64, 64] },
        /field intermediate_size: expected 8 widths of at least 1, one a layer, got \[64,64\]/,
      ],
      [{ intermediate_size: 'wide' }, /field intermediate_size: expected a whole number/],
      [{ layer_types: Array(8).fill('chunked') }, /field layer_types: expected 8 of sliding_attention, full_attention/],
      [{ activation_sparsity_pattern: Array(8).fill(1) }, /expected 8 shares from 0 to less than 1, one a layer/],
      [{ num_kv_shared_layers: 7 }, /field num_kv_shared_layers: expected a layer of every type before the shared/],
      [{ num_kv_shared_layers: 9 }, /field num_kv_shared_layers: expected a layer of every type/],
      [{ num_key_value_heads: 3 }, /field num_key_value_heads: expected a divisor of num_attention_heads 4, got 3/],
      [{ head_dim: 7 }, /field head_dim: expected an even number, got 7/],
      [{ altup_active_idx: 4 }, /field altup_active_idx: expected less than altup_num_inputs, got 4/],
      [{ hidden_activation: 'softsign' }, /field hidden_activation: expected one of/],
      [{ attention_bias: true }, /field attention_bias: expected false, got true/],
      [{ tie_word_embeddings: false }, /field tie_word_embeddings: expected true, got false/],
      [{ rope_scaling: { rope_type: 'yarn' } }, /rope_scaling: expected null, got \{"rope_type":"yarn"\}/],
      [rope('yarn'), /rope_parameters, full_attention, field rope_type: expected one of "default", got "yarn"/],
    ];
    for (const [change, message] of refused) {
      const attempt = (): unknown => gemma3nTextConfig({ ...json, ...change });
      assert.throws(attempt, (error) => error instanceof BadInput && message.test(error.message), message.source);
    }
    const nested = { text_config: { ...json, hidden_size: 0 } };
    assert.throws(() => gemma3nTextConfig(nested, 'c.json'), /^BadInput: c\.json, text_config, field hidden_size: /);
  });
});
