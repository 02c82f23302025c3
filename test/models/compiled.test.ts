import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile } from 'gemma-3ncore/engine/compile';
import * as student from 'gemma-3ncore/models/echo_student';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { siglipVisionConfig } from 'gemma-3ncore/models/siglip_vision_config';
import { disposeParams, initialise, trainable, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

/** Compiled and eager order some sums differently. */
const tolerance = 1e-5;

describe('models as compiled functions', () => {
  useEngine();

  it('the teacher gives what it gives eagerly, with its position table interpolated', () => {
    const config = siglipVisionConfig({
      hidden_size: 24,
      intermediate_size: 40,
      num_hidden_layers: 2,
      num_attention_heads: 3,
      patch_size: 8,
      image_size: 32,
    });
    tf.tidy(() => {
      const params = initialise(siglip.spec(config), rootKey(1));
      const images = tf.randomUniform([2, 40, 24, 3], -1, 1, 'float32', 5) as tf.Tensor4D;
      const run = (x: tf.Tensor4D): tf.Tensor[] =>
        Object.values(siglip.forward(params, x, config, { interpolatePosEncoding: true }));
      const compiled = compile(run, { name: 'teacher' });
      const [found, expected] = [compiled(images), run(images)];
      assert.equal(found.length, 6);
      found.forEach((x, i) => assertClose(x.dataSync(), expected[i]!.dataSync(), tolerance, `feature ${i}`));
      compiled.dispose();
    });
  });

  for (const pad_type of ['same', ''] as const) {
    it(`the student and the gradients of its adapted blocks are what they are eagerly (padding '${pad_type}')`, () => {
      const backbone = mobilenetV5Config({
        arch_def: [
          ['er_r1_k3_s2_e4_c8'],
          ['uir_r1_a3_k5_s2_e4_c16'],
          ['uir_r1_a3_k0_s2_e4_c16', 'mqa_r1_k3_h2_v2_s1_d8_c16'],
          ['uir_r1_a0_k5_s2_e4_c24', 'uir_r1_a0_k0_s1_e2_c24'],
        ],
        stem_size: 8,
        num_features: 32,
        msfa_output_resolution: 3,
        layer_scale_init_value: 0.5,
        pad_type,
      });
      const config = { backbone, fusion_size: 8 };
      const params = trainable(initialise(student.spec(config), rootKey(2)), (path) => /pw_|conv_exp|heads/.test(path));
      const variables = [...trainableVariables(params).values()];
      const frames = [3, 4].map((seed) => tf.randomUniform([2, 53, 40, 3], 0, 1, 'float32', seed) as tf.Tensor4D);
      const step = (ED: tf.Tensor4D, ES: tf.Tensor4D): tf.Tensor[] => {
        const { value, grads } = tf.variableGrads(() => {
          const { targets, features } = student.forward(params, { ED, ES }, config, { features: ['stage.2'] });
          return tf.add(tf.mean(tf.square(targets)), tf.mean(tf.square(features['stage.2']!))) as tf.Scalar;
        }, variables);
        return [value, ...variables.map((v) => grads[v.name]!)];
      };
      const compiled = compile(step, { name: 'student step' });
      const [found, expected] = [compiled(frames[0]!, frames[1]!), step(frames[0]!, frames[1]!)];
      found.forEach((x, i) => assertClose(x.dataSync(), expected[i]!.dataSync(), tolerance, `result ${i}`));
      compiled.dispose();
      tf.dispose([found, expected, frames]);
      disposeParams(params);
    });
  }
});
