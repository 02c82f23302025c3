import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { openSafetensors, type OpenTensorSource } from 'gemma-3ncore/files/safetensors';
import { loadCheckpoint } from 'gemma-3ncore/models/checkpoint';
import * as student from 'gemma-3ncore/models/echo_student';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import * as projector from 'gemma-3ncore/models/projector';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { patchGrid, siglipVisionConfig } from 'gemma-3ncore/models/siglip_vision_config';
import { adaptiveAvgPool2d } from 'gemma-3ncore/ops/adaptive_avg_pool2d';
import { dense, type Leaf } from 'gemma-3ncore/tree/leaf';
import { disposeParams, initialise, trainable, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { flattenSpec } from 'gemma-3ncore/tree/spec';
import { assertClose, assertNoLeak } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { golden, goldenJson } from '../support/goldens.js';

const grid = [3, 3] as const;

function leafOf(file: OpenTensorSource, name: string, shape = file.shapeOf(name)): Leaf {
  return dense(tf.tensor(file.read(name), [...shape]));
}

/** Row i of a `[3, D]` layer as a layer of its own. */
function row(file: OpenTensorSource, name: string, i: number): { weight: Leaf; bias: Leaf } {
  const weight = tf.tensor2d(file.read(`${name}.weight`), file.shapeOf(`${name}.weight`) as [number, number]);
  return {
    weight: dense(tf.slice(weight, [i, 0], [1, -1])),
    bias: dense(tf.tensor1d([file.read(`${name}.bias`)[i]!])),
  };
}

/** A stack of uint8 images NCHW as NHWC, scaled to 0 … 1. */
function images(file: OpenTensorSource, name: string): tf.Tensor4D {
  const shape = file.shapeOf(name) as [number, number, number, number];
  return tf.tidy(() => tf.div(tf.transpose(tf.tensor4d(file.read(name), shape), [0, 2, 3, 1]), 255));
}

describe('models/echo_student and projector', () => {
  useEngine();

  it('equals prediction, teacher grid and gradients of the first step of goldens/kd/kd1 (where LoRA does nothing yet)', () => {
    const [batches, init, step] = ['batches', 'init_projector_head', 'step0'].map((name) =>
      openSafetensors(golden('kd', 'kd1', `${name}.safetensors`)),
    ) as [OpenTensorSource, OpenTensorSource, OpenTensorSource];
    const backbone = mobilenetV5Config({
      ...goldenJson('mobilenetv5', 'm1', 'config.json'),
      msfa_output_resolution: 4,
    });
    const config = { backbone, fusion_size: 32 };
    const teacher = siglipVisionConfig(goldenJson('siglip', 'p14_56', 'config.json'));

    tf.tidy(() => {
      const params: student.EchoStudentParams = {
        backbone: loadCheckpoint(mobilenet.spec(backbone), golden('mobilenetv5', 'm1'), mobilenet.mobilenetV5Anchor),
        fusion: { weight: leafOf(init, 'head.0.weight'), bias: leafOf(init, 'head.0.bias') },
        heads: { EDV: row(init, 'head.2', 0), ESV: row(init, 'head.2', 1), EF: row(init, 'head.2', 2) },
      };
      const projection = { weight: leafOf(init, 'projector.weight', [48, 96]), bias: leafOf(init, 'projector.bias') };
      const teacherParams = loadCheckpoint(siglip.spec(teacher), golden('siglip', 'p14_56'), siglip.siglipAnchor);
      const trained = trainable({ params, projection }, (path) => !path.startsWith('params.backbone'));

      const loss = (k: number): tf.Scalar => {
        const [ed, es] = [images(batches, `ed_teacher.${k}`), images(batches, `es_teacher.${k}`)];
        const pixels = tf.sub(tf.mul(tf.concat4d([ed, es], 0), 2), 1) as tf.Tensor4D;
        const tokens = siglip.forward(teacherParams, pixels, teacher, { features: ['last_hidden_state'] });
        const target = projector.pooledTeacherGrid(
          tokens['last_hidden_state'] as tf.Tensor3D,
          patchGrid(teacher, [56, 56]),
          grid,
        );
        const frames = { ED: images(batches, `ed_student.${k}`), ES: images(batches, `es_student.${k}`) };
        const { targets, features } = student.forward(trained.params, frames, config, { features: ['output'] });
        if (k === 0) {
          // Tolerance: forwards of goldens/README.md.
          assertClose(targets.dataSync(), step.read('pred.micro0'), 1e-4, 'pred');
          const nchw = tf.transpose(target, [0, 3, 1, 2]);
          assertClose(nchw.dataSync(), step.read('teacher_grid.micro0'), 1e-4, 'teacher grid');
        }
        const projected = projector.forward(trained.projection, adaptiveAvgPool2d(features['output']!, grid));
        const feature = tf.losses.meanSquaredError(target, projected);
        const task = tf.losses.meanSquaredError(tf.tensor2d(batches.read(`target.${k}`), [2, 3]), targets);
        return tf.add(feature, tf.mul(task, 0.1));
      };
      const variables = trainableVariables(trained);
      const { grads } = tf.variableGrads(() => tf.div(tf.add(loss(0), loss(1)), 2), [...variables.values()]);
      const gradient = (path: string): Float32Array => grads[variables.get(path)!.name]!.dataSync<'float32'>();
      const expectedRow = (name: string, i: number): Float32Array => {
        const values = step.read(name);
        return values.subarray((i * values.length) / 3, ((i + 1) * values.length) / 3);
      };
      // Means of forwards that agree to 1e-5.
      const tolerance = 1e-5;
      assertClose(gradient('projection.weight'), step.read('grad.projector.weight'), tolerance, 'projector');
      assertClose(gradient('projection.bias'), step.read('grad.projector.bias'), tolerance, 'projector bias');
      assertClose(gradient('params.fusion.weight'), step.read('grad.head.0.weight'), tolerance, 'fusion');
      student.targetNames.forEach((name, i) => {
        const path = `params.heads.${name}`;
        assertClose(gradient(`${path}.weight`), expectedRow('grad.head.2.weight', i), tolerance, path);
        assertClose(gradient(`${path}.bias`), expectedRow('grad.head.2.bias', i), tolerance, path);
      });
      disposeParams(trained);
    });
    for (const file of [batches, init, step]) file.close();
  });

  it('gives features of ED before ES and sees the order of the frames, without leaking', () => {
    const arch_def = [['er_r1_k3_s2_e2_c8'], ['uir_r1_a3_k3_s2_e2_c16']];
    const sizes = { stem_size: 8, num_features: 16, msfa_output_resolution: 2, layer_scale_init_value: 1 };
    const backbone = mobilenetV5Config({ arch_def, ...sizes });
    const config = { backbone, fusion_size: 6 };
    assertNoLeak(tf.memory, () => {
      const params = initialise(student.spec(config), rootKey(5));
      const ED = tf.randomUniform([2, 33, 30, 3], 0, 1, 'float32', 1) as tf.Tensor4D;
      const ES = tf.randomUniform([2, 33, 30, 3], 0, 1, 'float32', 2) as tf.Tensor4D;
      const forth = student.forward(params, { ED, ES }, config, { features: ['stage.1'] });
      const back = student.forward(params, { ED: ES, ES: ED }, config, { features: ['stage.1'] });
      assert.deepEqual(forth.targets.shape, [2, 3]);
      assert.deepEqual(Object.keys(forth.features), ['stage.1']);
      const half = (x: tf.Tensor4D, begin: number): Float32Array =>
        tf.tidy(() => tf.slice(x, [begin], [2]).dataSync<'float32'>());
      // The place in the batch may change the rounding.
      assertClose(half(forth.features['stage.1']!, 0), half(back.features['stage.1']!, 2), 1e-6);
      assert.notDeepEqual(forth.targets.dataSync(), back.targets.dataSync());
      tf.dispose([forth, back, ED, ES]);
      disposeParams(params);
    });
  });

  it('names its parameters backbone, fusion and heads', () => {
    const arch_def = [['er_r1_k3_s2_e2_c8'], ['uir_r1_a3_k3_s2_e2_c16']];
    const backbone = mobilenetV5Config({ arch_def, num_features: 16 });
    const names = [...flattenSpec(student.spec({ backbone, fusion_size: 6 })).keys()];
    assert.deepEqual(
      names.filter((name) => !name.startsWith('backbone.')),
      ['fusion', 'heads.EDV', 'heads.ESV', 'heads.EF'].flatMap((name) => [`${name}.weight`, `${name}.bias`]),
    );
  });

  it('projects with an mlp as the two layers written out', () => {
    assertNoLeak(tf.memory, () => {
      const params = initialise(projector.spec({ type: 'mlp', in_channels: 4, out_channels: 3 }), rootKey(6));
      assert.ok('0' in params);
      tf.tidy(() => {
        const x = tf.randomNormal([2, 3, 2, 4], 0, 1, 'float32', 3) as tf.Tensor4D;
        const apply = (rows: tf.Tensor2D, layer: { weight: Leaf; bias: Leaf }): tf.Tensor2D => {
          assert.ok(layer.weight.kind === 'dense' && layer.bias.kind === 'dense');
          return tf.add(tf.matMul(rows, layer.weight.value as tf.Tensor2D, false, true), layer.bias.value);
        };
        const hidden = apply(tf.reshape(x, [12, 4]), params['0']);
        const erfGelu = tf.mul(hidden, tf.mul(0.5, tf.add(1, tf.erf(tf.div(hidden, Math.SQRT2))))) as tf.Tensor2D;
        const expected = apply(erfGelu, params['2']);
        const found = projector.forward(params, x);
        assert.deepEqual(found.shape, [2, 3, 2, 3]);
        assertClose(found.dataSync(), expected.dataSync(), 1e-6);
      });
      disposeParams(params);
    });
  });
});
