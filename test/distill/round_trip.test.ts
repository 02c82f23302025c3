import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig } from 'gemma-3ncore/adapters/lora_config';
import { loadAdapter, saveAdapter } from 'gemma-3ncore/adapters/peft_files';
import { loadRegressor, saveRegressor } from 'gemma-3ncore/adapters/regressor_files';
import type { TrainData } from 'gemma-3ncore/distill/data';
import { baselinePlan } from 'gemma-3ncore/distill/plan';
import { createPredictor, predictTargets } from 'gemma-3ncore/distill/predict';
import type { Student } from 'gemma-3ncore/distill/student';
import type { Targets } from 'gemma-3ncore/distill/targets';
import { train } from 'gemma-3ncore/distill/trainer';
import * as echo from 'gemma-3ncore/models/echo_student';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import { disposeParams, initialise, trainable } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { tinyData, tinyPlan } from '../support/tiny_student.js';

const backbone = mobilenetV5Config({
  arch_def: [
    ['er_r1_k3_s2_e2_c8'],
    ['uir_r1_a3_k5_s2_e2_c8'],
    ['uir_r1_a3_k3_s2_e2_c16'],
    ['uir_r1_a0_k3_s2_e2_c16', 'mqa_r1_k3_h2_s1_d8_c16'],
  ],
  stem_size: 8,
  num_features: 16,
  msfa_output_resolution: 2,
  layer_scale_init_value: 0.5,
});
const config: echo.EchoStudentConfig = { backbone, fusion_size: 8 };
const spec = echo.spec(config);
const regressorSpec = { fusion: spec.fusion, heads: spec.heads };
const lora = loraConfig({
  r: 2,
  lora_dropout: 0.1,
  target_modules: '.*(conv_pwl|pw_exp\\.conv|pw_proj\\.conv|attn\\.(query|key|value|output)\\.proj)',
});
const standardisation = { mean: [120, 60, 50], std: [30, 15, 8] } as const;

function studentOf(params: echo.EchoStudentParams): Student {
  return { params, forward: (frames, dropoutKey) => echo.forward(params, frames, config, { dropoutKey }) };
}

/** The studies of {@link tinyData} in frames large enough for the encoder. */
function enlarged(): TrainData {
  const small = tinyData(10, 10);
  return {
    ...small,
    images(indices) {
      const { ED, ES } = small.images(indices) as echo.FramePair;
      const pair = {
        ED: tf.image.resizeNearestNeighbor(ED, [64, 64]),
        ES: tf.image.resizeNearestNeighbor(ES, [64, 64]),
      };
      tf.dispose([ED, ES]);
      return pair;
    },
  };
}

async function predict(student: Student, data: TrainData): Promise<Targets[]> {
  const predictor = createPredictor(student);
  const predictions = await predictTargets(predictor, data, [0, 1, 2], 2, standardisation);
  predictor.dispose();
  return predictions;
}

describe('a trained echo student', () => {
  useEngine();
  const folder = useFolder();

  it('is read back from adapter and regressor to the very same predictions', async () => {
    const data = enlarged();
    const base = () => initialise(spec.backbone, rootKey(1));
    const params: echo.EchoStudentParams = {
      backbone: wrapLora(base(), spec.backbone, lora, rootKey(2)),
      ...trainable(initialise(regressorSpec, rootKey(3))),
    };
    const plan = baselinePlan(tinyPlan);
    const result = await train({ student: studentOf(params), bridges: [], data, standardisation, plan });
    assert.deepEqual(result.untrained, []);
    await saveAdapter(folder, params.backbone, spec.backbone, lora);
    const { fusion, heads } = params;
    await saveRegressor(folder, { fusion, heads }, regressorSpec, {
      targets: echo.targetNames,
      ...standardisation,
      frameOrder: ['ED', 'ES'],
      fusionSize: config.fusion_size,
      view: '4CH',
      base: { weights: 'random:base', seed: 1, sha256: '', precision: 'fp32' },
      preprocessing: {},
      bridges: [],
    });
    const loaded: echo.EchoStudentParams = {
      backbone: loadAdapter(folder, base(), spec.backbone).params,
      ...loadRegressor(folder, regressorSpec),
    };
    assert.deepEqual(await predict(studentOf(loaded), data), await predict(studentOf(params), data));
    disposeParams(params);
    disposeParams(loaded);
  });
});
