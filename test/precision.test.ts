import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import type { Precision } from 'gemma-3ncore/adapters/quantize/leaves';
import { choosePrecision, experimentPrecision, frozenBytes, openingPrecision } from 'gemma-3ncore/precision';
import { precisionErrors } from 'gemma-3ncore/precision_errors';
import { projectPath } from 'gemma-3ncore/host/places';
import { readJsonObject } from 'gemma-3ncore/files/json';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import { siglipVisionConfig } from 'gemma-3ncore/models/siglip_vision_config';
import { preset } from 'gemma-3ncore/schema/presets';
import { useEngine } from './support/engine.js';

const native = { engine: 'tensorflow', device: 'cpu' } as const;
/** A model of 1000 MB at full precision. */
const weightBytes = (precision: Precision): number =>
  ({ fp32: 1e9, int8: 0.25e9, llm_int8: 0.25e9, nf4: 0.14e9 })[precision];

describe('precision', () => {
  useEngine();

  it('is the best whose weights take half of the free memory', () => {
    const chosen = (freeMB: number): string =>
      choosePrecision('auto', { engine: native, freeBytes: freeMB * 1e6, weightBytes }).chosen;
    assert.deepEqual([4000, 2000, 1999, 500, 499, 100].map(chosen), ['fp32', 'fp32', 'int8', 'int8', 'nf4', 'nf4']);
  });

  it('says why, grants any wish, and keeps full precision where packing saves nothing', () => {
    const inputs = { engine: native, freeBytes: 1e9, weightBytes };
    assert.equal(
      choosePrecision('auto', inputs).reason,
      "the larger tower's weights take 1000 MB at full precision and 250 MB at int8; half of 1000 MB free on the machine may be used for them",
    );
    assert.deepEqual(choosePrecision('llm_int8', inputs), { chosen: 'llm_int8', reason: 'as the configuration asks' });
    const wasm = choosePrecision('auto', { ...inputs, engine: { engine: 'wasm', device: 'cpu' }, freeBytes: 1 });
    assert.deepEqual(wasm, { chosen: 'fp32', reason: 'the engine wasm would keep packed weights in as much memory' });
  });

  it('counts the bytes of so400m/14: fp32 1.7 GB, 8 bits a fourth and 4 bits an eighth of the matrices', () => {
    const path = projectPath('data-manifests', 'configs', 'siglip-so400m-14-448.json');
    const spec = siglip.spec(siglipVisionConfig(readJsonObject(path), path));
    const megabytes = (precision: Precision): number => Math.round(frozenBytes(spec, precision) / 1e6);
    // 428.6 M parameters; 6.3 M of them stay (patches, positions, the stacked projection of the head, norms, biases).
    const [fp32, int8, nf4] = [megabytes('fp32'), megabytes('int8'), megabytes('nf4')];
    assert.ok(fp32 > 1650 && fp32 < 1720, `${fp32}`);
    assert.ok(int8 < 0.27 * fp32 && nf4 < 0.15 * fp32, `${int8} ${nf4}`);
  });

  it('of the presets is automatic, full for the miniatures, and full until it is chosen', async () => {
    for (const name of ['tiny', 'phantom', 'medsiglip-gemma3n'] as const) assert.equal(preset(name).precision, 'auto');
    assert.equal((await experimentPrecision(preset('tiny'))).chosen, 'fp32');
    assert.equal((await experimentPrecision({ ...preset('tiny'), precision: 'nf4' })).chosen, 'nf4');
    assert.equal(openingPrecision(preset('tiny')), 'fp32');
    assert.equal(openingPrecision({ precision: 'int8' }), 'int8');
  });

  it('shows the error of every layer against fp32 on one frame', () => {
    const before = tf.memory().numTensors;
    const images = (): tf.Tensor4D => tf.randomUniform([1, 64, 64, 3], 0, 1, 'float32', 1);
    const both = { teacher: images(), student: images() };
    const errors = (precision: Precision) => precisionErrors({ ...preset('tiny'), precision }, both);
    assert.equal(errors('fp32'), undefined);
    const [eight, four] = [errors('int8')!.rows, errors('nf4')!.rows];
    const layers = eight.map(({ tower, layer }) => `${tower} ${layer}`);
    assert.ok(layers.includes('teacher hidden_states.0') && layers.includes('teacher last_hidden_state'));
    assert.ok(layers.includes('student blocks.0.0') && layers.includes('student output'));
    // The patches of the teacher are at full precision.
    assert.equal(eight.find(({ layer }) => layer === 'hidden_states.0')!['error'], 0);
    for (const layer of ['last_hidden_state', 'output']) {
      const [a, b] = [eight, four].map((rows) => rows.find((row) => row['layer'] === layer)!['error'] as number);
      assert.ok(a! > 0 && a! < 5 && b! > 4 * a! && b! < 80, `${layer}: ${a} % and ${b} %`);
    }
    tf.dispose([both.teacher, both.student]);
    assert.equal(tf.memory().numTensors, before);
  });
});
