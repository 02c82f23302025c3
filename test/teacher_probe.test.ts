import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DecodedStudy } from 'gemma-3ncore/data/frames';
import type { TeacherFeatures } from 'gemma-3ncore/teacher_features';
import { fitTeacherProbe, probeNotes, probeTable } from 'gemma-3ncore/teacher_probe';
import { targetsOf } from 'gemma-3ncore/training_data';
import { cohortInMemory, noiseStudy } from './support/cohort.js';

const studiesOf = (split: 'TRAIN' | 'VAL' | 'TEST', n: number): DecodedStudy[] =>
  Array.from({ length: n }, (_, i) => noiseStudy(`${split}-${i}`, split));

/** Features in which EDV and EF stand plainly and ESV not at all. */
function plainFeatures(loaded: readonly DecodedStudy[]): TeacherFeatures & { asked: Set<number> } {
  const asked = new Set<number>();
  return {
    ...{ asked, frames: 0, computed: 0, close: () => undefined },
    matched: () => assert.fail('the probe asks for pooled features alone'),
    pooled: (studies) =>
      studies.map((study) => {
        asked.add(study);
        const { EDV, EF } = loaded[study]!.study;
        return Float32Array.of(EDV / 50, 7, 0.3 * EF - EDV / 100, 7);
      }),
  };
}

describe('teacher_probe', () => {
  it('reads from labelled TRAIN studies what the features hold, and never asks for TEST', () => {
    const loaded = [...studiesOf('TRAIN', 40), ...studiesOf('VAL', 12), ...studiesOf('TEST', 3)];
    const cohort = cohortInMemory(loaded, 30);
    const features = plainFeatures(loaded);
    const probe = fitTeacherProbe(cohort, features);
    const { body } = probe;
    assert.deepEqual([body.studies, body.features], [{ train: 30, validation: 12, validation_patients: 12 }, 4]);
    assert.deepEqual(
      [...features.asked].sort((a, b) => a - b),
      [...Array(30).keys(), ...cohort.validation],
    );
    assert.deepEqual([body.chosen_by, body.penalties.EDV, body.penalties.EF], ['VAL', 0.01, 0.01]);
    const errors = Object.fromEntries(body.mae.map((row) => [row.target, row]));
    // The smallest penalty against 30 standardised rows shrinks by less than a thousandth.
    assert.ok(errors['EDV']!.probe! < 0.05 && errors['EDV']!.mean! > 10, JSON.stringify(errors));
    assert.ok(errors['EF']!.probe! < 0.05 && errors['EF']!.mean! > 3, JSON.stringify(errors));
    const [study] = cohort.test;
    const predicted = probe.predict([study!]).get(study!)!;
    assert.ok(Math.abs(predicted[0] - targetsOf(loaded[study!]!.study)[0]) < 0.1);
    assert.equal(probeTable(body).rows.length, 3);
    assert.match(
      probeNotes(body).join(' '),
      /on 30 labelled TRAIN studies; penalties chosen by VAL.*TEST stays unseen/,
    );
  });

  it('chooses penalties by leaving TRAIN studies out where VAL is tiny or empty', () => {
    for (const held of [2, 0]) {
      const loaded = [...studiesOf('TRAIN', 20), ...studiesOf('VAL', held)];
      const { body } = fitTeacherProbe(cohortInMemory(loaded), plainFeatures(loaded));
      assert.equal(body.chosen_by, 'leave-one-out');
      assert.equal(body.mae.length, held === 0 ? 0 : 3);
      assert.ok(body.penalties.EDV <= 0.1);
    }
  });
});
