import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { bytesAt, buildBridges, planBridges } from 'gemma-3ncore/bridges';
import { pooledTeacherGrid } from 'gemma-3ncore/models/projector';
import * as siglip from 'gemma-3ncore/models/siglip_vision';
import type { Bridge, Experiment } from 'gemma-3ncore/schema/generated/experiment';
import { preset } from 'gemma-3ncore/schema/presets';
import { buildStudent } from 'gemma-3ncore/student_model';
import { disposeParams, flattenParams } from 'gemma-3ncore/tree/params';
import { openTeacher } from 'gemma-3ncore/weights';
import { useEngine } from './support/engine.js';

const wanted: readonly Bridge[] = [
  { teacher: 'last_hidden_state', student: 'stage.3', grid: 2, projector: 'linear' },
  { teacher: 'hidden_states.1', student: 'stage.1', grid: 3, projector: 'mlp' },
  { teacher: 'hidden_states.0', student: 'blocks.2.1', grid: 1, projector: 'linear' },
  { teacher: 'last_hidden_state', student: 'output', grid: 4, projector: 'mlp' },
];

/** `tiny` with other bridges, and sizes that no stride divides. */
function experimentWith(bridges: readonly Bridge[], height = 80, width = 56): Experiment {
  const tiny = preset('tiny');
  const sized = { ...tiny.student.preprocessing, height, width };
  return { ...tiny, bridges: [...bridges], student: { ...tiny.student, preprocessing: sized } } as Experiment;
}

describe('bridges', () => {
  useEngine();

  it('plans the shapes that forward passes have, without reading weights', () => {
    const experiment = experimentWith(wanted);
    const before = tf.memory().numTensors;
    const planned = planBridges(experiment);
    assert.equal(tf.memory().numTensors, before);
    const teacher = openTeacher(experiment.teacher.weights, 0);
    const student = buildStudent(
      experiment,
      wanted.map((bridge) => bridge.student),
    );
    const built = buildBridges(planned, 0);
    tf.tidy(() => {
      const { height, width } = experiment.teacher.preprocessing;
      const layers = wanted.map((bridge) => bridge.teacher);
      const tokens = siglip.forward(teacher.params, tf.zeros([2, height, width, 3]), teacher.config, {
        features: layers,
        interpolatePosEncoding: true,
      });
      const frame = tf.zeros<tf.Rank.R4>([1, 80, 56, 3]);
      const { features } = student.forward({ ED: frame, ES: frame });
      for (const [i, { config, shapes, projector, parameters }] of planned.entries()) {
        const [rows, columns, D] = shapes.teacher as [number, number, number];
        const map = features[config.student]!;
        assert.deepEqual(tokens[config.teacher]!.shape, [2, rows * columns, D], config.teacher);
        assert.deepEqual(map.shape, [2, ...shapes.student], config.student);
        const grid = [config.grid, config.grid] as const;
        const pooled = pooledTeacherGrid(tokens[config.teacher] as tf.Tensor3D, [rows, columns], grid);
        assert.deepEqual(pooled.shape, [2, ...shapes.matched]);
        const { params, project } = built.bridges[i]!;
        assert.deepEqual(project(map).shape.at(-1), D);
        assert.equal(projector.type, config.projector);
        const leaves = [...flattenParams(params).values()];
        const size = leaves.reduce((sum, leaf) => sum + (leaf.kind === 'dense' ? leaf.value.size : 0), 0);
        assert.equal(parameters, size);
      }
    });
    disposeParams(teacher.params);
    student.dispose();
    built.dispose();
    assert.equal(tf.memory().numTensors, before);
  });

  it('counts the bytes of a pooled map', () => {
    const [bridge] = planBridges(preset('tiny'));
    assert.equal(bytesAt(bridge!, 2, 'float32'), 2 * 2 * 32 * 4);
    assert.equal(bytesAt(bridge!, 1, 'float16'), 32 * 2);
  });

  it('starts projectors from the seed, each bridge from its own values', () => {
    const planned = planBridges(experimentWith([wanted[0]!, { ...wanted[0]!, teacher: 'hidden_states.1' }]));
    const first = (seed: number): number[][] => {
      const { bridges, dispose } = buildBridges(planned, seed);
      const values = bridges.map(({ params }) => {
        const [leaf] = flattenParams(params).values();
        return leaf?.kind === 'dense' ? [...leaf.value.dataSync()] : [];
      });
      dispose();
      return values;
    };
    const [a, b, c] = [first(1), first(1), first(2)];
    assert.deepEqual(a, b);
    assert.notDeepEqual(a, c);
    assert.equal(a[0]!.length, 32 * 32);
    assert.notDeepEqual(a[0], a[1]);
  });
});
