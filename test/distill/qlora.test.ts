import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { labelsOf, type TrainData } from 'gemma-3ncore/distill/data';
import { baselinePlan } from 'gemma-3ncore/distill/plan';
import { standardisationOf } from 'gemma-3ncore/distill/targets';
import { train } from 'gemma-3ncore/distill/trainer';
import { preset } from 'gemma-3ncore/schema/presets';
import { buildStudent } from 'gemma-3ncore/student_model';
import { bytesOf } from 'gemma-3ncore/engine/bytes';
import { flattenParams, trainableVariables } from 'gemma-3ncore/tree/params';
import { tensorsOf } from 'gemma-3ncore/tree/leaf';
import { useEngine } from '../support/engine.js';
import { tinyData, tinyPlan } from '../support/tiny_student.js';

/** The tiny studies with images whose attention has several keys (one key has no gradient). */
function larger(data: TrainData): TrainData {
  const image = (indices: readonly number[], shift: number): tf.Tensor4D =>
    tf.stack(indices.map((i) => tf.randomUniform([64, 64, 3], 0, 1, 'float32', 2 * i + shift + 1))) as tf.Tensor4D;
  return { ...data, images: (indices) => tf.tidy(() => ({ ED: image(indices, 0), ES: image(indices, 1) })) };
}

describe('QLoRA: adapters over an 8- or 4-bit student', () => {
  useEngine();

  for (const [precision, use_dora] of [
    ['int8', false],
    ['nf4', false],
    ['nf4', true],
  ] as const) {
    it(`${precision}${use_dora ? ' with DoRA' : ''}: every adapter leaf is trained, in fp32, and no base changes`, async () => {
      const { adapter, ...rest } = preset('tiny');
      const student = buildStudent({ ...rest, adapter: { ...adapter!, use_dora }, precision }, []);
      const bases = [...flattenParams(student.params.backbone).values()].flatMap((leaf) =>
        leaf.kind === 'lora' ? [leaf.base] : [],
      );
      assert.ok(bases.length > 0 && bases.every(({ kind }) => kind === precision.replace('llm_', '')));
      const codes = (): Uint8Array[] => bases.map((base) => bytesOf(tensorsOf(base)[0]!));
      const before = codes();
      const variables = trainableVariables(student.params.backbone);
      assert.equal(variables.size, (use_dora ? 3 : 2) * bases.length);
      const initial = new Map([...variables].map(([name, variable]) => [name, variable.dataSync().slice()]));
      const data = larger(tinyData(16, 9));
      const result = await train({
        student,
        bridges: [],
        data,
        standardisation: standardisationOf(labelsOf(data, data.train)),
        plan: baselinePlan({ ...tinyPlan, validateEvery: 0 }),
      });
      assert.deepEqual(result.untrained, []);
      assert.ok(result.history.every(({ task }) => Number.isFinite(task)));
      for (const [name, variable] of variables) {
        assert.equal(variable.dtype, 'float32');
        assert.notDeepEqual(variable.dataSync(), initial.get(name), `${name} stayed as it was`);
      }
      assert.deepEqual(codes(), before);
      student.dispose();
    });
  }
});
