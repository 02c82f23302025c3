import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { countLora, loraTargets, mergeLora, wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig, parseLoraConfig, rankAndScale, targets } from 'gemma-3ncore/adapters/lora_config';
import { conv1x1, conv2d } from 'gemma-3ncore/nn/conv2d';
import { linear } from 'gemma-3ncore/nn/linear';
import { constant, kaimingUniform } from 'gemma-3ncore/tree/init';
import { disposeParams, flattenParams, initialise, mapParams, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { param, type ParamsOf } from 'gemma-3ncore/tree/spec';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

const spec = {
  stem: { conv: { weight: param([6, 3, 3, 3], 'conv', kaimingUniform) } },
  dw: { weight: param([6, 1, 3, 3], 'depthwise', kaimingUniform) },
  pw: { weight: param([5, 6, 1, 1], 'conv1x1', kaimingUniform) },
  norm: { weight: param([5], 'same', constant(1)) },
  fc: { weight: param([4, 5], 'same', kaimingUniform), bias: param([4], 'same', constant(0.5)) },
  position_embedding: { weight: param([7, 5], 'same', constant(0)) },
};
type Params = ParamsOf<typeof spec>;

const config = loraConfig({ target_modules: ['conv', 'pw', 'fc'], r: 2, lora_alpha: 6 });

function forward(params: Params, x: tf.Tensor4D): tf.Tensor {
  return tf.tidy(() => {
    const y = conv2d(x, params.stem.conv.weight, { stride: 2 });
    const z = conv1x1(tf.relu(y), params.pw.weight);
    return linear(tf.mean(z, [1, 2]), params.fc.weight, { bias: params.fc.bias });
  });
}

/** Adapters as training leaves them: B away from zero. */
function withRandomB(params: Params): Params {
  return mapParams(params, (leaf, path) => {
    if (leaf.kind !== 'lora') return leaf;
    tf.tidy(() => (leaf.B as tf.Variable).assign(tf.randomNormal(leaf.B.shape, 0, 1, 'float32', path.length)));
    return leaf;
  });
}

describe('adapters/lora', () => {
  useEngine();

  it('changes no output when wrapping, and makes A and B trainable alone', () => {
    const x = tf.randomNormal<tf.Rank.R4>([2, 8, 8, 3], 0, 1, 'float32', 1);
    const before = tf.memory().numTensors;
    const base = initialise(spec, rootKey(1));
    const plain = forward(base, x).dataSync();
    const params = wrapLora(base, spec, config, rootKey(2));
    assert.deepEqual(forward(params, x).dataSync(), plain);
    assert.deepEqual(
      [...trainableVariables(params).keys()],
      ['stem.conv', 'pw', 'fc'].flatMap((module) => [`${module}.weight.lora_A`, `${module}.weight.lora_B`]),
    );
    const A = flattenParams(params).get('fc.weight');
    // kaiming_uniform(a = √5): U(±1/√fan_in).
    assert.ok(A?.kind === 'lora' && tf.tidy(() => tf.max(tf.abs(A.A)).dataSync()[0]!) <= 1 / Math.sqrt(5));
    disposeParams(params);
    assert.equal(tf.memory().numTensors, before + 2);
  });

  it('draws the same A for a module whatever else is adapted', () => {
    const A = (modules: string[]): Float32Array => {
      const chosen = loraConfig({ target_modules: modules, r: 2 });
      const params = wrapLora(initialise(spec, rootKey(1)), spec, chosen, rootKey(2));
      const values = trainableVariables(params).get('fc.weight.lora_A')!.dataSync<'float32'>().slice();
      disposeParams(params);
      return values;
    };
    assert.deepEqual(A(['fc']), A(['conv', 'pw', 'fc']));
  });

  it('merges linear, 1×1 and k×k weights to the adapted outputs', () => {
    const x = tf.randomNormal<tf.Rank.R4>([2, 8, 8, 3], 0, 1, 'float32', 1);
    const params = withRandomB(wrapLora(initialise(spec, rootKey(1)), spec, config, rootKey(2)));
    const before = tf.memory().numTensors;
    const merged = mergeLora(params);
    assert.equal(trainableVariables(merged).size, 0);
    // Two orders of summation in fp32.
    assertClose(forward(merged, x).dataSync(), forward(params, x).dataSync(), 1e-5);
    disposeParams(merged);
    assert.equal(tf.memory().numTensors, before + 2);
    disposeParams(params);
  });

  it('counts adapter and base', () => {
    const params = wrapLora(initialise(spec, rootKey(1)), spec, config, rootKey(2));
    assert.deepEqual(countLora(params), {
      adapter: 2 * (27 + 6) + 2 * (6 + 5) + 2 * (5 + 4),
      base: 162 + 54 + 30 + 5 + 24 + 35,
    });
    disposeParams(params);
  });

  it('refuses what cannot be adapted, with the module’s name', () => {
    const refused = (modules: string | string[], message: RegExp): void => {
      assert.throws(() => loraTargets(spec, loraConfig({ target_modules: modules })), message);
    };
    refused(['dw'], /LoRA target dw: .* got a depthwise kernel/);
    refused('norm', /LoRA target norm: .* got a parameter \[5\]/);
    refused(['position_embedding'], /LoRA target position_embedding: .* got a parameter \[7, 5\]/);
    refused(['absent'], /expected a choice of the model’s modules/);
    refused('stem', /expected a choice of the model’s modules/);
  });
});

describe('adapters/lora_config', () => {
  it('matches a string in full and a list by suffix, and takes excluded modules out', () => {
    const chosen = (fields: Parameters<typeof loraConfig>[0], module: string): boolean =>
      targets(loraConfig(fields))(module);
    assert.ok(chosen({ target_modules: '.*q_proj' }, 'layers.0.q_proj'));
    assert.ok(!chosen({ target_modules: 'q_proj' }, 'layers.0.q_proj'));
    assert.ok(!chosen({ target_modules: '.*q_pro' }, 'layers.0.q_proj'));
    assert.ok(chosen({ target_modules: ['q_proj'] }, 'layers.0.q_proj'));
    assert.ok(chosen({ target_modules: ['q_proj'] }, 'q_proj'));
    assert.ok(!chosen({ target_modules: ['proj'] }, 'layers.0.q_proj'));
    assert.ok(!chosen({ target_modules: ['q_proj'], exclude_modules: 'layers\\.0\\..*' }, 'layers.0.q_proj'));
  });

  it('takes rank and alpha from the first pattern that matches, and scales by rsLoRA’s root', () => {
    const fields = {
      target_modules: '.*',
      r: 8,
      lora_alpha: 16,
      rank_pattern: { fc1: 4, 'layers.1.fc1': 2 },
      alpha_pattern: { '.*fc2': 32 },
    };
    assert.deepEqual(rankAndScale(loraConfig(fields), 'layers.1.fc1'), { r: 4, scale: 4 });
    assert.deepEqual(rankAndScale(loraConfig(fields), 'layers.1.fc2'), { r: 8, scale: 4 });
    assert.deepEqual(rankAndScale(loraConfig(fields), 'layers.1.xfc1'), { r: 8, scale: 2 });
    assert.deepEqual(rankAndScale(loraConfig({ ...fields, use_rslora: true }), 'fc1'), { r: 4, scale: 8 });
  });

  it('names a field that is malformed or not honoured', () => {
    const parse = (fields: object) => parseLoraConfig({ target_modules: ['fc'], ...fields }, 'adapter_config.json');
    assert.throws(() => parse({ peft_type: 'IA3' }), /field peft_type: expected "LORA", got "IA3"/);
    assert.throws(() => parse({ r: 0 }), /field r: expected a positive integer, got 0/);
    assert.throws(() => parse({ bias: 'all' }), /field bias: expected "none"/);
    assert.throws(() => parse({ modules_to_save: ['head'] }), /field modules_to_save: expected nothing/);
    assert.throws(() => parse({ layers_to_transform: 3 }), /field layers_to_transform: expected nothing/);
    assert.throws(() => parse({ use_dora: true }), /field use_dora: expected nothing/);
    assert.throws(() => parse({ init_lora_weights: 'pissa' }), /field init_lora_weights: expected true, false/);
    assert.throws(() => parse({ a_field_of_tomorrow: 1 }), /field a_field_of_tomorrow: expected nothing/);
    assert.throws(
      () => parse({ target_modules: '(' }) && targets(parse({ target_modules: '(' })),
      /regular expression/,
    );
    assert.equal(parse({ use_dora: false, loftq_config: {}, modules_to_save: null }).r, 8);
  });
});
