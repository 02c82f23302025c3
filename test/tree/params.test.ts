import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { constant, kaimingUniform } from 'gemma-3ncore/tree/init';
import { toFile, toMemory } from 'gemma-3ncore/tree/layout';
import {
  disposeParams,
  flattenParams,
  initialise,
  load,
  trainable,
  trainableVariables,
} from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { countParameters, flattenSpec, param } from 'gemma-3ncore/tree/spec';
import { useEngine } from '../support/engine.js';

const spec = {
  stem: { conv: { weight: param([4, 3, 3, 2], 'conv', kaimingUniform), bias: param([4], 'same', constant(0)) } },
  blocks: [
    { pw: { weight: param([5, 4, 1, 1], 'conv1x1', kaimingUniform) } },
    { dw: { weight: param([5, 1, 3, 3], 'depthwise', kaimingUniform) } },
  ],
};

describe('tree/params', () => {
  useEngine();

  it('names parameters by dotted paths with array indices', () => {
    assert.deepEqual(
      [...flattenSpec(spec).keys()],
      ['stem.conv.weight', 'stem.conv.bias', 'blocks.0.pw.weight', 'blocks.1.dw.weight'],
    );
    assert.equal(countParameters(spec), 4 * 3 * 3 * 2 + 4 + 20 + 45);
  });

  it('brings every layout into memory and back without a change', () => {
    for (const { shape, layout, init } of flattenSpec(spec).values()) {
      const values = init(rootKey(1), shape);
      const tensor = toMemory(values, shape, layout);
      assert.deepEqual(toFile(tensor, layout), values);
      tensor.dispose();
    }
  });

  it('initialises alike for a seed and independently of the other parameters', () => {
    const a = initialise(spec, rootKey(7));
    const alone = initialise({ blocks: [spec.blocks[0]] }, rootKey(7));
    const values = (tree: typeof a | typeof alone): Float32Array => {
      const leaf = flattenParams(tree).get('blocks.0.pw.weight')!;
      assert.equal(leaf.kind, 'dense');
      return leaf.kind === 'dense' ? leaf.value.dataSync<'float32'>() : new Float32Array();
    };
    assert.deepEqual(values(a), values(alone));
    disposeParams(a);
    disposeParams(alone);
  });

  it('names the missing and the misshapen entry', () => {
    const source = (entries: Record<string, number[]>): Parameters<typeof load>[1] => ({
      where: 'model.safetensors',
      names: () => Object.keys(entries),
      shapeOf: (name) => entries[name]!,
      dtypeOf: () => 'F32',
      read: () => new Float32Array(),
    });
    assert.throws(() => load(spec, source({})), /model\.safetensors: expected an entry stem\.conv\.weight, got none/);
    assert.throws(
      () => load(spec, source({ 'stem.conv.weight': [4, 3, 3, 3] })),
      /entry stem\.conv\.weight: expected shape \[4, 3, 3, 2\], got \[4, 3, 3, 3\]/,
    );
  });

  it('turns chosen leaves into variables and keeps the number of tensors', () => {
    const before = tf.memory().numTensors;
    const params = trainable(initialise(spec, rootKey(0)), (path) => path.startsWith('blocks'));
    assert.deepEqual([...trainableVariables(params).keys()], ['blocks.0.pw.weight', 'blocks.1.dw.weight']);
    disposeParams(params);
    assert.equal(tf.memory().numTensors, before);
  });
});
