import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { countLora, wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig, parseLoraConfig } from 'gemma-3ncore/adapters/lora_config';
import { rankAndScale, targets } from 'gemma-3ncore/adapters/lora_modules';
import { loraTargets, trainedInFull } from 'gemma-3ncore/adapters/lora_targets';
import { mergeLora } from 'gemma-3ncore/adapters/merge_lora';
import { compile } from 'gemma-3ncore/engine/compile';
import { conv1x1, conv2d } from 'gemma-3ncore/nn/conv2d';
import { linear } from 'gemma-3ncore/nn/linear';
import { constant, kaimingUniform } from 'gemma-3ncore/tree/init';
import { disposeParams, flattenParams, initialise, mapParams, trainableVariables } from 'gemma-3ncore/tree/params';
import { dense } from 'gemma-3ncore/tree/leaf';
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

  it('with DoRA changes no output when wrapping, eager or compiled, and trains a length an output', () => {
    const x = tf.randomNormal<tf.Rank.R4>([2, 8, 8, 3], 0, 1, 'float32', 1);
    const base = initialise(spec, rootKey(1));
    const plain = forward(base, x).dataSync();
    const params = wrapLora(base, spec, { ...config, use_dora: true }, rootKey(2));
    assert.deepEqual(forward(params, x).dataSync(), plain);
    const compiled = compile((input: tf.Tensor4D) => forward(params, input));
    assert.deepEqual(compiled(x).dataSync(), plain);
    compiled.dispose();
    const lengths = trainableVariables(params).get('fc.weight.lora_magnitude_vector')!;
    assert.deepEqual(lengths.shape, [4]);
    assert.equal(countLora(params).adapter, 2 * (27 + 6) + 2 * (6 + 5) + 2 * (5 + 4) + 6 + 5 + 4);
    disposeParams(params);
    x.dispose();
  });

  it('with DoRA stretches base and update, with the norm a constant for gradients', () => {
    const W = tf.tensor2d([3, 4, 0, 5], [2, 2]);
    const leaf = {
      kind: 'lora',
      base: { kind: 'dense', value: W },
      A: tf.variable(tf.tensor2d([1, 2], [1, 2])),
      B: tf.variable(tf.tensor2d([0, 1], [2, 1])),
      scale: 1,
      dropout: 0,
      magnitude: tf.variable(tf.tensor1d([10, 2])),
    } as const;
    const bias = dense(tf.tensor1d([100, 200]));
    const x = tf.tensor2d([1, 1], [1, 2]);
    // W + BA = [[3, 4], [1, 7]], norms 5 and √50: y = [10·7/5, 2·8/√50] + bias.
    assertClose(linear(x, leaf, { bias }).dataSync(), [114, 200 + 16 / Math.sqrt(50)], 1e-6);
    const { grads } = tf.variableGrads(() => tf.sum(linear(x, leaf, { bias })) as tf.Scalar);
    // d/dB = m/‖·‖ · A x = [10/5, 2/√50]·3; d/dm = (W + BA)x/‖·‖ = [7/5, 8/√50].
    assertClose(grads[leaf.B.name]!.dataSync(), [6, 6 / Math.sqrt(50)], 1e-6);
    assertClose(grads[leaf.magnitude.name]!.dataSync(), [7 / 5, 8 / Math.sqrt(50)], 1e-6);
    tf.dispose([x, grads]);
    disposeParams({ leaf, bias });
  });

  it('trains biases and modules to save as they are, and adapts nothing in them', () => {
    const chosen = (fields: object) =>
      trainedInFull(spec, loraConfig({ target_modules: ['conv', 'pw', 'fc'], ...fields }));
    assert.deepEqual([...chosen({ bias: 'all' })], [['fc.bias', 'fc.base_layer.bias']]);
    assert.deepEqual([...chosen({ bias: 'lora_only' })], [['fc.bias', 'fc.base_layer.bias']]);
    assert.deepEqual([...chosen({ bias: 'lora_only', target_modules: ['pw'] })], []);
    assert.deepEqual([...chosen({ bias: 'all', target_modules: ['pw'] })], [['fc.bias', 'fc.bias']]);
    const saving = loraConfig({ target_modules: ['conv', 'pw', 'fc'], modules_to_save: ['fc', 'norm'] });
    const params = wrapLora(initialise(spec, rootKey(1)), spec, saving, rootKey(2));
    assert.deepEqual(
      [...trainableVariables(params).keys()],
      [
        ...['stem.conv.weight.lora_A', 'stem.conv.weight.lora_B', 'pw.weight.lora_A', 'pw.weight.lora_B'],
        ...['norm.weight', 'fc.weight', 'fc.bias'],
      ],
    );
    disposeParams(params);
    assert.throws(() => chosen({ modules_to_save: ['fc', 'absent'] }), /modules_to_save: .* got absent, which is none/);
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
    const both = loraConfig({ target_modules: ['fc'], modules_to_save: ['c'] });
    assert.throws(
      () => trainedInFull(spec, both),
      /modules_to_save: expected modules that target_modules does not choose/,
    );
  });

  it('takes all-linear for every linear layer, convolutions and tables apart', () => {
    const found = loraTargets(spec, loraConfig({ target_modules: 'All-Linear' }));
    assert.deepEqual(
      found.map(({ module }) => module),
      ['fc'],
    );
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

  it('chooses layers by number as PEFT does, a whole path in whatever layer', () => {
    const chosen = (fields: object, module: string): boolean =>
      targets(loraConfig({ target_modules: ['proj', 'blocks.3.0.proj'], ...fields }))(module);
    assert.ok(chosen({ layers_to_transform: 1 }, 'encoder.layers.1.proj'));
    assert.ok(!chosen({ layers_to_transform: [0, 2] }, 'encoder.layers.1.proj'));
    assert.ok(chosen({ layers_to_transform: [] }, 'encoder.layers.1.proj'));
    // Without a pattern the number is never that of a path's second part.
    assert.ok(chosen({ layers_to_transform: 1 }, 'blocks.2.1.proj'));
    assert.ok(chosen({ layers_to_transform: 2, layers_pattern: ['layers', 'blocks'] }, 'blocks.2.1.proj'));
    assert.ok(!chosen({ layers_to_transform: 1, layers_pattern: 'blocks' }, 'blocks.2.1.proj'));
    assert.ok(!chosen({ layers_to_transform: 1 }, 'head.proj'));
    assert.ok(chosen({ layers_to_transform: 1, layers_pattern: 'blocks' }, 'blocks.3.0.proj'));
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
    assert.throws(() => parse({ bias: 'some' }), /field bias: expected "none", "all" or "lora_only", got "some"/);
    assert.throws(() => parse({ modules_to_save: 'head' }), /field modules_to_save: expected null or a list/);
    assert.throws(() => parse({ use_dora: 1 }), /field use_dora: expected true or false, got 1/);
    assert.throws(() => parse({ lora_bias: true }), /field lora_bias: expected nothing/);
    assert.throws(
      () => parse({ layers_to_transform: -1 }),
      /field layers_to_transform: expected null, a layer’s number/,
    );
    assert.throws(
      () => parse({ target_modules: 'fc', layers_to_transform: 3 }),
      /field layers_to_transform: expected null beside target_modules as a text, got 3/,
    );
    assert.throws(
      () => parse({ layers_pattern: 'h' }),
      /field layers_pattern: expected null without layers_to_transform/,
    );
    assert.throws(
      () => parse({ base_model_name_or_path: 3 }),
      /field base_model_name_or_path: expected null or a text/,
    );
    assert.throws(() => parse({ init_lora_weights: 'pissa' }), /field init_lora_weights: expected one of true, false/);
    assert.throws(() => parse({ a_field_of_tomorrow: 1 }), /field a_field_of_tomorrow: expected nothing/);
    for (const pattern of ['(', '.*fc\\Z', '\\Afc', 'fc{,2}', '(?P<n>fc)', '(?i)fc']) {
      assert.throws(
        () => targets(parse({ target_modules: pattern })),
        /a regular expression that Python and JavaScript/,
      );
    }
    assert.equal(parse({ use_dora: false, loftq_config: {}, modules_to_save: null }).r, 8);
  });
});
