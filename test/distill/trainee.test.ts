import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { loraConfig } from 'gemma-3ncore/adapters/lora_config';
import { openSafetensors } from 'gemma-3ncore/files/safetensors';
import { createPredictor, predictTargets } from 'gemma-3ncore/distill/predict';
import type { TrainData } from 'gemma-3ncore/distill/data';
import { createTrainee, type BridgeConfig, type Provenance, type TraineeOptions } from 'gemma-3ncore/distill/trainee';
import { loadTrained } from 'gemma-3ncore/distill/trained';
import { train } from 'gemma-3ncore/distill/trainer';
import { trainedVariables } from 'gemma-3ncore/distill/variables';
import * as echo from 'gemma-3ncore/models/echo_student';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import { mobilenetV5Config } from 'gemma-3ncore/models/mobilenet_v5_config';
import { disposeParams, initialise, load } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import { tinyData, tinyPlan } from '../support/tiny_student.js';

const backbone = mobilenetV5Config({
  arch_def: [
    ['er_r1_k3_s2_e2_c8'],
    ['uir_r1_a3_k5_s2_e2_c8'],
    ['uir_r1_a3_k0_s2_e2_c16'],
    ['mqa_r1_k3_h2_s1_d8_c16', 'uir_r1_a0_k0_s1_e2_c16'],
  ],
  stem_size: 8,
  num_features: 16,
  msfa_output_resolution: 2,
  layer_scale_init_value: 0.5,
});
const config: echo.EchoStudentConfig = { backbone, fusion_size: 8 };
const lora = loraConfig({
  r: 2,
  lora_dropout: 0.1,
  target_modules: '.*(conv_pwl|pw_exp\\.conv|pw_proj\\.conv|attn\\.(query|key|value|output)\\.proj)',
});
const bridges: BridgeConfig[] = [
  {
    teacher: 'last_hidden_state',
    student: 'stage.3',
    grid: 2,
    projector: 'mlp',
    studentChannels: 16,
    teacherWidth: 5,
  },
];
const standardisation = { mean: [120, 60, 50], std: [30, 15, 8] } as const;
const provenance: Provenance = { standardisation, view: '4CH', preprocessing: { height: 32, width: 32 } };

/** The studies of {@link tinyData} in frames large enough for the encoder. */
function data(): TrainData {
  const small = tinyData(10, 8);
  return {
    ...small,
    images(indices) {
      const { ED, ES } = small.images(indices) as echo.FramePair;
      const enlarge = (x: tf.Tensor4D): tf.Tensor4D => tf.image.resizeNearestNeighbor(x, [32, 32]);
      const pair = { ED: enlarge(ED), ES: enlarge(ES) };
      tf.dispose([ED, ES]);
      return pair;
    },
  };
}

describe('distill/trainee', () => {
  useEngine();
  const root = useFolder();
  let base: mobilenet.MobileNetV5Params;
  before(() => {
    base = initialise(mobilenet.spec(backbone), rootKey(1));
  });
  after(() => disposeParams(base));

  const options = (changes: Partial<TraineeOptions> = {}): TraineeOptions => {
    return { base, config, lora, bridges, seed: 5, ...changes };
  };

  /** Trains, saves, reads back and compares the predictions. */
  async function roundTrip(name: string, changes: Partial<TraineeOptions>): Promise<string> {
    const folder = join(root, name);
    mkdirSync(folder);
    const studies = data();
    const before = tf.memory().numTensors;
    const trainee = createTrainee(options(changes));
    const { student, bridges: joined } = trainee;
    const result = await train({ student, bridges: joined, data: studies, standardisation, plan: tinyPlan });
    assert.deepEqual(result.untrained, []);
    await trainee.save(folder, provenance);
    const trained = loadTrained(folder, base, backbone);
    const [a, b] = [createPredictor(student), createPredictor(trained.student)];
    const predict = (predictor: typeof a) => predictTargets(predictor, studies, [0, 1, 2], 2, standardisation);
    assert.deepEqual(await predict(b), await predict(a));
    assert.equal(trained.info.fusionSize, 8);
    for (const { dispose } of [a, b, trained, trainee]) dispose();
    assert.equal(tf.memory().numTensors, before);
    return folder;
  }

  it('trains an adapter, and reads it back to the same predictions', async () => {
    const folder = await roundTrip('adapter', {});
    const info = JSON.parse(readFileSync(join(folder, 'regressor.json'), 'utf8')) as { bridges: { name: string }[] };
    assert.equal(info.bridges[0]!.name, 'last_hidden_state__stage_3__2');
  });

  it('trains the whole encoder, and reads it back to the same predictions', async () => {
    await roundTrip('whole', { lora: null });
  });

  it('starts the baseline from the same values as the distilled student', () => {
    const [distilled, baseline] = [createTrainee(options()), createTrainee(options({ bridges: [] }))];
    const wanted = trainedVariables(distilled.student, []);
    const found = trainedVariables(baseline.student, baseline.bridges);
    assert.deepEqual([...found.keys()], [...wanted.keys()]);
    for (const [name, variable] of found) assert.deepEqual(variable.dataSync(), wanted.get(name)!.dataSync());
    distilled.dispose();
    baseline.dispose();
  });

  it('writes the whole student with its adapters merged', async () => {
    const trainee = createTrainee(options());
    for (const [name, variable] of trainedVariables(trainee.student, [])) {
      if (name.endsWith('lora_B'))
        tf.tidy(() => variable.assign(tf.randomNormal(variable.shape, 0, 0.1, 'float32', 7)));
    }
    const folder = join(root, 'merged');
    mkdirSync(folder);
    await trainee.saveModel(folder);
    const file = openSafetensors(join(folder, 'model.safetensors'));
    const params = load(echo.spec(config), file);
    file.close();
    tf.tidy(() => {
      const frames = {
        ED: tf.randomUniform<tf.Rank.R4>([2, 32, 32, 3]),
        ES: tf.randomUniform<tf.Rank.R4>([2, 32, 32, 3]),
      };
      const merged = echo.forward(params, frames, config).targets.dataSync();
      // Another order of summation in fp32, through all layers.
      assertClose(merged, trainee.student.forward(frames).targets.dataSync(), 1e-4);
    });
    disposeParams(params);
    trainee.dispose();
  });

  it('refuses the same bridge twice', () => {
    assert.throws(
      () => createTrainee(options({ bridges: [...bridges, ...bridges] })),
      /last_hidden_state__stage_3__2 twice/,
    );
  });
});
