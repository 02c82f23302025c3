import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { countLora } from 'gemma-3ncore/adapters/lora';
import * as mobilenet from 'gemma-3ncore/models/mobilenet_v5';
import type { Experiment } from 'gemma-3ncore/schema/generated/experiment';
import { preset } from 'gemma-3ncore/schema/presets';
import { buildStudent } from 'gemma-3ncore/student_model';
import { disposeParams, flattenParams, trainableVariables } from 'gemma-3ncore/tree/params';
import { openStudentBase } from 'gemma-3ncore/weights';
import { maxAbsDifference } from './support/compare.js';
import { useEngine } from './support/engine.js';

const frames = (): { ED: tf.Tensor4D; ES: tf.Tensor4D } => ({
  ED: tf.randomUniform([2, 64, 64, 3], 0, 1, 'float32', 1),
  ES: tf.randomUniform([2, 64, 64, 3], 0, 1, 'float32', 2),
});

/** What a new student says to fixed frames. */
function answer(experiment: Experiment, features: readonly string[] = []): number[] {
  const model = buildStudent(experiment, features);
  const values = tf.tidy(() => [...model.forward(frames()).targets.dataSync()]);
  model.dispose();
  return values;
}

describe('student_model', () => {
  useEngine();

  it('has adapters that change nothing at the start', () => {
    const experiment = preset('tiny');
    const before = tf.memory().numTensors;
    const model = buildStudent(experiment, ['stage.3', 'output']);
    const base = openStudentBase(experiment.student.weights, experiment.seed);
    assert.ok(countLora(model.params.backbone).adapter > 0);
    tf.tidy(() => {
      const pair = frames();
      const { features } = model.forward(pair);
      const expected = mobilenet.forward(base.params, tf.concat([pair.ED, pair.ES]), base.config, {
        features: ['stage.3', 'output'],
      });
      for (const name of ['stage.3', 'output']) {
        // W·x + s·B·(A·x) with B = 0 adds exact zeros.
        assert.equal(maxAbsDifference(features[name]!.dataSync(), expected[name]!.dataSync()), 0, name);
      }
    });
    disposeParams(base.params);
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  it('trains every weight of the encoder where there is no adapter, from the base as it is', () => {
    const experiment = { ...preset('tiny'), adapter: null };
    const before = tf.memory().numTensors;
    const model = buildStudent(experiment, []);
    const base = openStudentBase(experiment.student.weights, experiment.seed);
    const variables = trainableVariables(model.params.backbone);
    const leaves = flattenParams(base.params);
    assert.deepEqual([...variables.keys()], [...leaves.keys()]);
    for (const [path, variable] of variables) {
      const leaf = leaves.get(path)!;
      assert.ok(leaf.kind === 'dense');
      assert.equal(maxAbsDifference(variable.dataSync(), leaf.value.dataSync()), 0, path);
    }
    disposeParams(base.params);
    model.dispose();
    assert.equal(tf.memory().numTensors, before);
    assert.throws(() => buildStudent({ ...experiment, precision: 'int8' }, []), /precision: expected fp32, .*got int8/);
  });

  it('starts alike with and without distillation, and otherwise with another seed', () => {
    const experiment = preset('tiny');
    assert.deepEqual(answer(experiment, ['stage.3']), answer(experiment));
    assert.notDeepEqual(answer({ ...experiment, seed: 1 }), answer(experiment));
  });
});
