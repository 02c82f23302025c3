import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { BadInput } from 'gemma-3ncore/host/errors';
import { forward, spec, type MobileNetV5Params } from 'gemma-3ncore/models/mobilenet_v5';
import { architecture, makeDivisible } from 'gemma-3ncore/models/mobilenet_v5_arch';
import { mobilenetV5FeatureShapes } from 'gemma-3ncore/models/feature_shapes';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import { frozenPrefix } from 'gemma-3ncore/models/mobilenet_v5_prefix';
import { disposeParams, initialise, trainable, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { countParameters, flattenSpec, type Spec } from 'gemma-3ncore/tree/spec';
import { assertClose, assertNoLeak } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { goldenJson } from '../support/goldens.js';
import { withLora } from '../support/lora.js';

const small = {
  arch_def: [
    ['er_r1_k3_s2_e4_c8'],
    ['uir_r1_a3_k5_s2_e6_c16', 'uir_r1_a5_k0_p3_s1_e4_c16'],
    ['uir_r1_a3_k0_s2_e4_c24', 'mqa_r2_k3_h2_v2_s1_d8_c24'],
    ['uir_r1_a0_k5_s2_e4_c32_noskip', 'mqa_r1_k3_h2_s1_d8_c32', 'uir_r1_a0_k0_s1_e2_c32_nre'],
  ],
  stem_size: 8,
  num_features: 48,
  msfa_output_resolution: 3,
  layer_scale_init_value: 0.5,
};

function sameKeys(found: Spec, file: string): void {
  const { keys } = goldenJson('full', file) as { keys: Record<string, number[]> };
  const shapes = Object.fromEntries([...flattenSpec(found)].map(([path, { shape }]) => [path, [...shape]]));
  assert.deepEqual(shapes, keys);
}

describe('models/mobilenet_v5', () => {
  useEngine();

  it('has the parameters of mobilenetv5_300m_enc, also as transformers writes its configuration', () => {
    const config = mobilenetV5Config({
      vision_config: { model_type: 'gemma3n_vision', architecture: 'mobilenetv5_300m_enc', model_args: null },
    });
    assert.equal(config.pad_type, 'same');
    sameKeys(spec(config), 'mobilenetv5_300m_enc.keys.json');
    assert.equal(countParameters(spec(config)), 294126912);
  });

  it('has the parameters of mobilenetv5_base with its classifier', () => {
    const config = mobilenetV5Config({ architecture: 'mobilenetv5_base' });
    assert.equal(config.pad_type, '');
    sameKeys(spec(config), 'mobilenetv5_base.keys.json');
  });

  it('predicts the shapes of features with even kernels', () => {
    for (const pad_type of ['same', ''] as const) {
      const arch_def = [['er_r1_k3_s2_e1_c8'], ['uir_r1_a2_k4_p2_s2_e1_c8', 'uir_r1_a4_k0_s1_e1_c8_noskip']];
      const config = mobilenetV5Config({
        arch_def,
        stem_size: 8,
        num_features: 8,
        msfa_output_resolution: 2,
        pad_type,
      });
      tf.tidy(() => {
        const features = forward(initialise(spec(config), rootKey(9)), tf.zeros([1, 47, 38, 3]), config, {});
        for (const [name, shape] of mobilenetV5FeatureShapes(config, [47, 38])) {
          assert.deepEqual(features[name]!.shape, [1, ...shape], `${pad_type} ${name}`);
        }
      });
    }
  });

  it('takes arguments of timm over those of the architecture', () => {
    const json = { architecture: 'mobilenetv5_300m_enc', model_args: { msfa_output_resolution: 8, pad_type: '' } };
    const config = mobilenetV5Config(json);
    assert.deepEqual([config.msfa_output_resolution, config.pad_type], [[8, 8], '']);
  });

  it('rounds channels as timm does', () => {
    // timm.layers.make_divisible
    const expected = [
      [1, 8],
      [11, 16],
      [12, 16],
      [20, 24],
      [28, 32],
      [33.6, 32],
      [67, 64],
      [100, 104],
    ] as const;
    for (const [v, rounded] of expected) assert.equal(makeDivisible(v), rounded, String(v));
  });

  it('keeps a stride only at the start of a stage and repeats blocks', () => {
    const { stages, fused, fused_chs } = architecture(
      mobilenetV5Config({ ...small, arch_def: [['er_r1_k3_s2_e4_c8'], ['uir_r3_a3_k3_s2_e4_c16']] }),
    );
    assert.deepEqual(
      stages[1]!.map((b) => [b.stride, b.in_chs, b.has_skip]),
      [
        [2, 8, false],
        [1, 16, true],
        [1, 16, true],
      ],
    );
    assert.deepEqual([fused, fused_chs], [[0, 1], 24]);
  });

  const wrong: [object, RegExp][] = [
    [{ arch_def: [['xx_r1_k3_s2_e4_c8']] }, /stage 0, block xx_r1_k3_s2_e4_c8: expected a block of type er, uir, mqa/],
    [{ arch_def: [['er_r1_k3_s2_e4']] }, /expected an option c, got none/],
    [{ arch_def: [['uir_r1_a3_k3_s2_e4_c8_se0.25']] }, /expected options among .*, got se0\.25/],
    [{ arch_def: [['er_r1_k3_s3_e4_c8']] }, /expected strides of 1 or 2/],
    [{ arch_def: [] }, /expected stages of at least one block/],
    [{ msfa_indices: [-9] }, /msfa_indices: expected feature levels/],
    [{ arch_def: [['uir_r1_a0_k0_s2_e2_c8']] }, /expected a depthwise convolution that can stride, got none/],
    [{ act: 'gelo' }, /field act: expected one of/],
    [{ stem_size: -1 }, /field stem_size: expected a whole number of at least 1, got -1/],
    [{ msfa_output_resolution: [4, 4, 4] }, /expected one or two sizes/],
  ];
  for (const [change, message] of wrong) {
    it(`refuses ${JSON.stringify(change)}`, () => {
      assert.throws(
        () => architecture(mobilenetV5Config({ ...small, ...change })),
        (error: Error) => error instanceof BadInput && message.test(error.message),
      );
    });
  }

  it('refuses an unknown architecture', () => {
    assert.throws(
      () => mobilenetV5Config({ architecture: 'resnet50' }),
      /expected arch_def or one of mobilenetv5_300m_enc/,
    );
  });

  it('goes on after any block to the same bits, fused levels from below it among what is known', () => {
    // Three fused levels, the stem among them.
    const config = mobilenetV5Config({ ...small, msfa_indices: [0, 2, -1] });
    const params = initialise(spec(config), rootKey(4));
    const images = tf.randomUniform<tf.Rank.R4>([2, 48, 40, 3], 0, 1, 'float32', 1);
    const whole = forward(params, images, config);
    const blocks = Object.keys(whole).filter((name) => /^blocks\.\d\.\d$/.test(name));
    assert.equal(blocks.length, 9);
    for (const after of blocks) {
      assertNoLeak(tf.memory, () => {
        const prefix = frozenPrefix(config, [`${blocks[blocks.indexOf(after) + 1] ?? 'msfa'}.x`], Object.keys(whole))!;
        assert.equal(prefix.after, after);
        const known = Object.fromEntries(prefix.known.map((name) => [name, whole[name]!]));
        const rest = forward(params, whole[after]!, config, { from: { after, known } });
        assert.deepEqual(Object.keys(rest).sort(), Object.keys(whole).sort());
        for (const [name, map] of Object.entries(rest)) assert.deepEqual(map.dataSync(), whole[name]!.dataSync(), name);
        tf.dispose(rest);
        const { output } = forward(params, whole[after]!, config, { features: ['output'], from: { after, known } });
        assert.deepEqual(output!.dataSync(), whole['output']!.dataSync());
        output!.dispose();
      });
    }
    const x = whole['blocks.1.1']!;
    assert.throws(() => forward(params, x, config, { from: { after: 'blocks.1.1', known: {} } }), /not all are known/);
    assert.throws(() => forward(params, x, config, { from: { after: 'blocks.9.0', known: {} } }), /got blocks\.9\.0/);
    tf.dispose([images, whole]);
    disposeParams(params);
  });

  for (const pad_type of ['same', ''] as const) {
    it(`gives every feature of an odd-sized image in its shape and leaks nothing (padding '${pad_type}')`, () => {
      const config = mobilenetV5Config({ ...small, pad_type });
      assertNoLeak(tf.memory, () => {
        const params = initialise(spec(config), rootKey(1));
        const images = tf.randomUniform([2, 71, 53, 3], 0, 1, 'float32', 5) as tf.Tensor4D;
        const features = forward(params, images, config);
        assert.deepEqual(Object.fromEntries(Object.entries(features).map(([name, x]) => [name, x.shape.slice(1)])), {
          stem: [36, 27, 8],
          'blocks.0.0': [18, 14, 8],
          'stage.0': [18, 14, 8],
          'blocks.1.0': [9, 7, 16],
          'blocks.1.1': [9, 7, 16],
          'stage.1': [9, 7, 16],
          'blocks.2.0': [5, 4, 24],
          'blocks.2.1.attn': [5, 4, 24],
          'blocks.2.1': [5, 4, 24],
          'blocks.2.2.attn': [5, 4, 24],
          'blocks.2.2': [5, 4, 24],
          'stage.2': [5, 4, 24],
          'blocks.3.0': [3, 2, 32],
          'blocks.3.1.attn': [3, 2, 32],
          'blocks.3.1': [3, 2, 32],
          'blocks.3.2': [3, 2, 32],
          'stage.3': [3, 2, 32],
          'msfa.ffn': [5, 4, 48],
          output: [3, 3, 48],
        });
        const predicted = [...mobilenetV5FeatureShapes(config, [71, 53])].map(([name, shape]) => [name, [...shape]]);
        const found = Object.entries(features).map(([name, x]) => [name, x.shape.slice(1)]);
        assert.deepEqual(predicted, found);
        const wanted = ['stage.2', 'output'];
        const some = forward(params, images, config, { features: wanted });
        assert.deepEqual(Object.keys(some), wanted);
        for (const name of wanted) assert.deepEqual(some[name]!.dataSync(), features[name]!.dataSync(), name);
        assert.throws(
          () => forward(params, images, config, { features: ['stage.9'] }),
          /features: expected one of stem/,
        );
        tf.dispose([features, some, images]);
        disposeParams(params);
      });
    });
  }

  it('is unchanged by LoRA with B = 0 on every convolution it can adapt', () => {
    const config = mobilenetV5Config({ ...small, pad_type: '' });
    tf.tidy(() => {
      const params = initialise(spec(config), rootKey(2));
      const images = tf.randomUniform([1, 48, 40, 3], 0, 1, 'float32', 6) as tf.Tensor4D;
      const wraps = /(conv_exp|conv_pwl|pw_exp\.conv|pw_proj\.conv|proj)\.weight$|conv_stem\.conv\.weight$/;
      const adapted = withLora(params, wraps);
      const [plain, same] = [forward(params, images, config), forward(adapted, images, config)];
      for (const [name, x] of Object.entries(plain)) assert.deepEqual(same[name]!.dataSync(), x.dataSync(), name);
    });
  });

  it('has for every parameter the gradient that finite differences give', () => {
    const config = mobilenetV5Config({ ...small, pad_type: 'same' });
    const loss = (params: MobileNetV5Params, images: tf.Tensor4D): tf.Scalar =>
      tf.tidy(() => tf.mean(tf.square(forward(params, images, config, { features: ['output'] })['output']!)));
    assertNoLeak(tf.memory, () => {
      const params = trainable(initialise(spec(config), rootKey(3)));
      const images = tf.randomUniform([2, 40, 36, 3], 0, 1, 'float32', 7) as tf.Tensor4D;
      const variables = trainableVariables(params);
      assert.equal(variables.size, flattenSpec(spec(config)).size);
      const { value, grads } = tf.variableGrads(() => loss(params, images), [...variables.values()]);
      for (const [path, variable] of variables) {
        const gradient = grads[variable.name]!;
        // Along the gradient itself: the derivative is its norm.
        const length = tf.tidy(() => tf.norm(gradient).dataSync()[0]!);
        const step = 0.02 / Math.max(length, 0.05);
        const at = (scale: number): number => {
          const kept = variable.clone();
          tf.tidy(() => variable.assign(tf.add(kept, tf.mul(gradient, scale / Math.max(length, 1e-12)))));
          const result = tf.tidy(() => loss(params, images).dataSync()[0]!);
          variable.assign(kept);
          kept.dispose();
          return result;
        };
        const numeric = (at(step) - at(-step)) / (2 * step);
        // float32 losses near 1 differ by 1e-7: over 2·step that is 1e-5 or so; curvature adds a few per cent.
        assert.ok(Math.abs(numeric - length) <= 0.05 * length + 5e-5, `${path}: ${length} against ${numeric}`);
      }
      tf.dispose([value, grads, images]);
      disposeParams(params);
    });
  });

  for (const pad_type of ['same', ''] as const) {
    it(`passes the same gradient through frozen as through trainable weights (padding '${pad_type}')`, () => {
      const config = mobilenetV5Config({ ...small, pad_type });
      const images = tf.randomUniform([2, 40, 36, 3], 0, 1, 'float32', 8) as tf.Tensor4D;
      const gradientOf = (everything: boolean): Float32Array => {
        const params = initialise(spec(config), rootKey(4));
        const chosen = trainable(params, (path) => everything || path === 'blocks.0.0.conv_exp.weight');
        const variable = trainableVariables(chosen).get('blocks.0.0.conv_exp.weight')!;
        const { value, grads } = tf.variableGrads(
          () => tf.mean(tf.square(forward(chosen, images, config, { features: ['output'] })['output']!)),
          [variable],
        );
        const values = grads[variable.name]!.dataSync<'float32'>();
        tf.dispose([value, grads]);
        disposeParams(chosen);
        return values;
      };
      assertClose(gradientOf(false), gradientOf(true), 1e-6);
      images.dispose();
    });
  }
});
