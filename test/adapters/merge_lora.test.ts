import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { wrapLora } from 'gemma-3ncore/adapters/lora';
import { loraConfig } from 'gemma-3ncore/adapters/lora_config';
import { mergeLora, unmergeLora } from 'gemma-3ncore/adapters/merge_lora';
import { leafMaker, type Precision } from 'gemma-3ncore/adapters/quantize/leaves';
import { loraUpdate } from 'gemma-3ncore/nn/lora';
import { weightOf } from 'gemma-3ncore/ops/dequantize';
import { constant, kaimingUniform } from 'gemma-3ncore/tree/init';
import { disposeParams, flattenParams, initialise, trainableVariables } from 'gemma-3ncore/tree/params';
import { rootKey } from 'gemma-3ncore/tree/random';
import { param } from 'gemma-3ncore/tree/spec';
import { assertClose } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

const spec = {
  conv: { weight: param([6, 3, 3, 3], 'conv', kaimingUniform) },
  pw: { weight: param([16, 8, 1, 1], 'conv1x1', kaimingUniform) },
  fc: { weight: param([12, 16], 'same', kaimingUniform), bias: param([12], 'same', constant(0.5)) },
};
const precisions: Precision[] = ['fp32', 'int8', 'llm_int8', 'nf4'];

/** Adapters that have been trained: nothing is where it began. */
function adapted(precision: Precision, use_dora: boolean) {
  const config = loraConfig({ target_modules: ['conv', 'pw', 'fc'], r: 2, use_dora });
  const params = wrapLora(initialise(spec, rootKey(1), leafMaker(precision)), spec, config, rootKey(2));
  let seed = 1;
  for (const variable of trainableVariables(params).values()) {
    tf.tidy(() => variable.assign(tf.add(variable, tf.randomNormal(variable.shape, 0, 0.1, 'float32', seed++))));
  }
  return params;
}

describe('adapters/merge_lora', () => {
  useEngine();

  for (const precision of precisions) {
    for (const dora of [false, true]) {
      it(`${precision}${dora ? ', DoRA' : ''}: merges at full precision and gives the base back`, () => {
        const before = tf.memory().numTensors;
        const params = adapted(precision, dora);
        const merged = mergeLora(params);
        const back = unmergeLora(merged, params);
        const [after, restored] = [flattenParams(merged), flattenParams(back)];
        for (const [path, leaf] of flattenParams(params)) {
          const [sum, base] = [after.get(path)!, restored.get(path)!];
          assert.ok(sum.kind === 'dense' && base.kind === 'dense');
          if (leaf.kind !== 'lora') continue;
          tf.tidy(() => {
            const weight = weightOf(leaf.base);
            // Added and taken away, with DoRA also stretched and shrunk: a few roundings of a weight below 1.
            assertClose(base.value.dataSync(), weight.dataSync(), 1e-6, path);
            if (dora) return;
            assertClose(sum.value.dataSync(), tf.add(weight, loraUpdate(leaf)).dataSync(), 1e-7, path);
          });
        }
        for (const tree of [params, merged, back]) disposeParams(tree);
        assert.equal(tf.memory().numTensors, before);
      });
    }
  }
});
