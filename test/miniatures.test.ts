import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { LV_CAVITY } from 'gemma-3ncore/data/mask_labels';
import { sha256File } from 'gemma-3ncore/files/hash';
import { isJsonObject, readJsonObject, type JsonObject } from 'gemma-3ncore/files/json';
import { projectPath } from 'gemma-3ncore/host/places';
import { miniatures } from 'gemma-3ncore/miniatures';
import { heartBatches, LABELS } from 'gemma-3ncore/miniatures/hearts';
import { pixels } from 'gemma-3ncore/miniatures/heads';
import { FIRST_RESERVED_SEED } from 'gemma-3ncore/miniatures/recipe';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { disposeParams } from 'gemma-3ncore/tree/params';
import { openStudentBase, openTeacher } from 'gemma-3ncore/weights';
import { useEngine } from './support/engine.js';

const folderOf = (name: string): string => projectPath('data-manifests', 'miniatures', name);

function field(json: unknown, ...names: string[]): unknown {
  return names.reduce((node, name) => (isJsonObject(node) ? node[name] : undefined), json);
}

describe('miniatures as they are committed', () => {
  useEngine();

  for (const { name, recipe } of miniatures) {
    it(`${name}: the files are those of the manifest, made by the recipe as it stands`, () => {
      const manifest = readJsonObject(join(folderOf(name), 'manifest.json'));
      const hashes = Object.entries(manifest['sha256'] as JsonObject);
      assert.deepEqual(
        hashes.map(([file]) => file),
        ['config.json', 'model.safetensors'],
      );
      for (const [file, hash] of hashes) assert.equal(sha256File(join(folderOf(name), file)), hash);
      assert.deepEqual(manifest['recipe'], recipe);
      assert.deepEqual(
        readJsonObject(join(folderOf(name), 'config.json')),
        readJsonObject(projectPath('data-manifests', 'configs', `${name}.json`)),
      );
      assert.equal(manifest['licence'], 'Apache-2.0');
    });

    it(`${name}: its phantom seeds are refused to a run`, () => {
      const schema = readJsonObject(projectPath('data-manifests', 'schemas', 'experiment.schema.json'));
      const path = ['properties', 'data', 'properties', 'phantom', 'properties', 'seed', 'maximum'];
      const largest = field(schema, ...path) as number;
      assert.equal(largest, FIRST_RESERVED_SEED - 1);
      assert.ok(recipe.phantomSeed > largest && recipe.heldOutSeed > largest);
      assert.notEqual(recipe.phantomSeed, recipe.heldOutSeed);
    });
  }

  it('is at most 8 MB in all', () => {
    const bytes = miniatures.map(({ name }) => statSync(join(folderOf(name), 'model.safetensors')).size);
    assert.ok(bytes.reduce((sum, n) => sum + n, 0) <= 8e6);
  });

  it('loads as any checkpoint does', () => {
    const before = tf.memory().numTensors;
    for (const { params } of [openTeacher('siglip-geometry', 0), openStudentBase('mobilenetv5-shapes', 0)]) {
      disposeParams(params);
    }
    assert.equal(tf.memory().numTensors, before);
  });

  it('tells tokens of the cavity from the background on new phantoms by one direction', () => {
    const { params, config } = openTeacher('siglip-geometry', 0);
    const draw = heartBatches({ subject: 'hearts', seed: 4321, batch: 8, size: config.image_size });
    const tokensOf = (step: number): { hidden: number[][]; fractions: Float32Array } => {
      const { images, targets } = draw(step);
      const hidden = tf.tidy(() => {
        const grey = tf.tensor4d(Float32Array.from(images), [8, config.image_size, config.image_size, 1]);
        const found = siglip.forward(params, pixels(grey, 2 / 255, -1), config)['last_hidden_state'] as tf.Tensor;
        return tf.reshape(found, [-1, config.hidden_size]).arraySync() as number[][];
      });
      return { hidden, fractions: targets[0] as Float32Array };
    };
    /** Tokens that show nothing but a label. */
    const pure = ({ hidden, fractions }: ReturnType<typeof tokensOf>, label: number): number[][] =>
      hidden.filter((_, token) => fractions[token * LABELS + label] === 1);
    const meanOf = (rows: number[][]): number[] =>
      (rows[0] as number[]).map((_, d) => rows.reduce((sum, row) => sum + (row[d] as number), 0) / rows.length);
    const known = tokensOf(0);
    const [inside, outside] = [meanOf(pure(known, LV_CAVITY)), meanOf(pure(known, 0))];
    const score = (row: number[]): number =>
      row.reduce((sum, x, d) => {
        const [a, b] = [inside[d] as number, outside[d] as number];
        return sum + (a - b) * (x - (a + b) / 2);
      }, 0);
    // Eight steps on, other studies are shown.
    const unseen = tokensOf(8);
    const cavity = pure(unseen, LV_CAVITY);
    const background = pure(unseen, 0);
    const hits = cavity.filter((row) => score(row) > 0).length / cavity.length;
    const misses = background.filter((row) => score(row) > 0).length / background.length;
    assert.ok(cavity.length > 50 && background.length > 500);
    assert.ok(hits > 0.95 && misses < 0.05, `hits ${hits}, misses ${misses}`);
    disposeParams(params);
  });
});
