import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { readJsonObject } from 'gemma-3ncore/files/json';
import { projectPath } from 'gemma-3ncore/host/places';
import { makeMiniatures, miniatures } from 'gemma-3ncore/miniatures';
import { drawerOf } from 'gemma-3ncore/miniatures/subjects';
import { disposeParams, trainableVariables } from 'gemma-3ncore/tree/params';
import { countParameters } from 'gemma-3ncore/tree/spec';
import { useEngine } from './support/engine.js';
import { useTemporaryFolder } from './support/folder.js';

const folderFor = useTemporaryFolder();

describe('miniatures', () => {
  useEngine();

  it('gives the same bytes twice, and leaks nothing', { timeout: 10 * 60 * 1000 }, async () => {
    const before = tf.memory().numTensors;
    const [first, second] = [folderFor('first'), folderFor('second')];
    for (const out of [first, second]) await makeMiniatures({ out, steps: 3 });
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual(readdirSync(first), ['mobilenetv5-shapes', 'siglip-geometry']);
    for (const { name } of miniatures) {
      const files = readdirSync(join(first, name));
      assert.deepEqual(files, ['config.json', 'manifest.json', 'model.safetensors']);
      for (const file of files) {
        assert.ok(
          readFileSync(join(first, name, file)).equals(readFileSync(join(second, name, file))),
          `${name}/${file} differs`,
        );
      }
    }
  });

  for (const { name, build } of miniatures) {
    it(`${name}: gradients reach every parameter of the tower`, () => {
      const { task, tower } = build(readJsonObject(projectPath('data-manifests', 'configs', `${name}.json`)));
      const size = task.size;
      const { images, targets } = drawerOf({ subject: task.subject, seed: 990000, batch: 4, size })(0);
      const variables = trainableVariables(tower.params);
      const values = [...variables.values()].reduce((sum, variable) => sum + variable.size, 0);
      assert.equal(values, countParameters(tower.spec));
      const silent = tf.tidy(() => {
        const pixels = tf.tensor4d(Float32Array.from(images), [4, size, size, 1]);
        const known = targets.map((target, i) => tf.tensor(target, [4, ...(task.targetShapes[i] as number[])]));
        const { grads } = tf.variableGrads(() => task.loss(pixels, known), [...variables.values()]);
        return [...variables].flatMap(([path, variable]) => {
          const norm = tf.norm(grads[variable.name] as tf.Tensor).dataSync()[0] as number;
          // A key's bias adds the same to all scores of a query, which softmax ignores.
          return path.endsWith('k_proj.bias') || (norm > 1e-6 && Number.isFinite(norm)) ? [] : [`${path}: ${norm}`];
        });
      });
      assert.deepEqual(silent, []);
      disposeParams(task.params);
    });
  }

  it('stops when it is told to and leaves nothing half-made', async () => {
    const out = folderFor('stopped');
    const before = tf.memory().numTensors;
    const stop = new AbortController();
    const making = makeMiniatures({ out, only: 'base', steps: 1000, signal: stop.signal });
    setTimeout(() => stop.abort(new Error('stopped')), 1500);
    await assert.rejects(making, /stopped/);
    assert.deepEqual(readdirSync(out), []);
    assert.equal(tf.memory().numTensors, before);
  });
});
