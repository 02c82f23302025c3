import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { projectPath } from 'gemma-3ncore/host/places';
import { useEngine } from '../support/engine.js';
import { useFolder } from '../support/folder.js';
import * as gemma from '../support/gemma_cases.js';
import { pythonOrSkip } from '../support/python.js';
import * as cases from '../support/python_cases.js';

/** float32 on both sides, sums in other orders; half precision is compared bit by bit and then within its rounding. */
const tolerance = 1e-4;
const halfTolerance = 2 ** -11;

describe('what transformers, timm, PEFT and safetensors make of what is written here', () => {
  useEngine();
  const root = useFolder();

  it('agrees with what is computed here', async (context: TestContext) => {
    const python = pythonOrSkip(context);
    if (python === undefined) return;
    const before = tf.memory().numTensors;
    await cases.siglipCase(root, 'siglip miniature', 'siglip-geometry', [112, 112]);
    await cases.siglipCase(root, 'siglip miniature, another size', 'siglip-geometry', [96, 136]);
    await cases.siglipCase(root, 'siglip with a head', 'random:siglip-tiny', [64, 64]);
    await cases.encoderCase(root, 'mobilenetv5 miniature', 'mobilenetv5-shapes', [112, 112]);
    await cases.encoderCase(root, 'mobilenetv5 random, odd size', 'random:mobilenetv5-tiny', [75, 102]);
    await cases.studentCase(root, 'exported student');
    await cases.trainingCase(root, 'training in full');
    await cases.encoderAdapterCase(root, 'mobilenetv5 adapter', 'mobilenetv5-shapes', false);
    await cases.encoderAdapterCase(root, 'mobilenetv5 adapter, rsLoRA', 'random:mobilenetv5-tiny', true);
    await cases.siglipAdapterCase(root, 'siglip adapter', 'siglip-geometry');
    await cases.halfCase(root, 'half precision');
    await gemma.textCase(root, 'gemma 3n, padded');
    await gemma.sparseTextCase(root, 'gemma 3n, sparse, no shared layers');
    await gemma.slicedTextCase(root, 'gemma 3n, sliced');
    await gemma.slicedVisionCase(root, 'gemma 3n, image features after slicing');
    assert.equal(tf.memory().numTensors, before);

    const script = projectPath('test', 'python', 'check_models.py');
    const { stdout } = await promisify(execFile)(python, [script, root]);
    const found = JSON.parse(stdout) as Record<string, Record<string, number>>;
    assert.equal(Object.keys(found).length, 15);
    for (const [name, errors] of Object.entries(found)) {
      const allowed = name === 'half precision' ? halfTolerance : tolerance;
      for (const [output, error] of Object.entries(errors)) {
        assert.ok(error <= allowed, `${name}, ${output}: ${error} of ${allowed} allowed`);
      }
      const worst = Math.max(...Object.values(errors));
      context.diagnostic(`${name}: ${Object.keys(errors).length} outputs, worst ${worst.toExponential(1)}`);
    }
  });
});
