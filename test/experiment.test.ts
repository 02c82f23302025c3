import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readExperiment, resolveExperiment } from 'gemma-3ncore/experiment';
import { BadInput } from 'gemma-3ncore/host/errors';
import type { Experiment } from 'gemma-3ncore/schema/generated/experiment';
import { preset, presetNames } from 'gemma-3ncore/schema/presets';
import { validate } from 'gemma-3ncore/schema/validate';
import { useFolder } from './support/folder.js';

const folder = useFolder();
const file = join(folder, 'e.json');

/** The preset `tiny` as JSON that a test may spoil. */
type Loose = { [key: string]: Loose };

function write(change: (experiment: Loose) => void = () => undefined): string {
  const experiment = preset('tiny') as unknown as Loose;
  change(experiment);
  writeFileSync(file, JSON.stringify(experiment));
  return file;
}

const set = (value: unknown): Loose => value as Loose;

describe('experiment', () => {
  it('has presets that the schema accepts, each a new object', () => {
    for (const name of presetNames) {
      assert.deepEqual(validate<Experiment>('experiment', preset(name), name), preset(name));
      assert.equal(preset(name).preset, name);
    }
    (preset('tiny').training as { steps: number }).steps = 99;
    assert.equal(preset('tiny').training.steps, 8);
  });

  it('puts the command line over the file', () => {
    const options = { config: write(), dataset: 'echonet-dynamic', dataRoot: folder, limit: 5, seed: 7 };
    const expected = preset('tiny');
    const data = { ...expected.data, dataset: 'echonet-dynamic', root: folder, limit: 5 };
    assert.deepEqual(resolveExperiment(options), { ...expected, seed: 7, data });
    assert.deepEqual(resolveExperiment({ config: file }), expected);
  });

  const spoiled: readonly [what: string, change: (experiment: Loose) => void, says: RegExp][] = [
    [
      'a value out of range',
      (e) => (e['training']!['steps'] = set(0)),
      /training\.steps: expected a number >= 1, got 0/,
    ],
    ['another type', (e) => (e['seed'] = set('one')), /seed: expected a value of type integer, got "one"/],
    ['a missing field', (e) => delete e['adapter']!['r'], /adapter: expected a field r, got none/],
    [
      'an unknown field',
      (e) => (e['training']!['stepz'] = set(1)),
      /training: expected only steps, .*got a field stepz/,
    ],
    ['none of the choices', (e) => (e['preset'] = set('huge')), /preset: expected one of "tiny", .*got "huge"/],
    [
      'targets that count nothing',
      (e) => (e['training']!['target_weights'] = set({ EDV: 0, ESV: 0, EF: 0 })),
      /training\.target_weights: expected at least one above 0/,
    ],
    [
      'text in another form',
      (e) => (e['bridges'] = set([{ ...preset('tiny').bridges[0], teacher: 'pooler' }])),
      /bridges\[0\]\.teacher: expected text like .*, got "pooler"/,
    ],
    [
      'fields that do not go together',
      (e) => (e['training']!['feature_steps'] = set(8)),
      /training\.feature_steps: expected fewer than training\.steps \(8\), got 8/,
    ],
    [
      'a data set without a folder',
      (e) => (e['data']!['dataset'] = set('echonet-dynamic')),
      /data\.root: expected the folder of echonet-dynamic, got null; give --data-root/,
    ],
    [
      'weights of no known name',
      (e) => (e['teacher']!['weights'] = set('random:absent')),
      /weights random:absent: expected a folder .*, got nothing of that name; download/,
    ],
    [
      'a feature that the teacher has not',
      (e) => (e['bridges'] = set([{ ...preset('tiny').bridges[0], teacher: 'hidden_states.3' }])),
      /bridges\[0\]\.teacher: expected one of hidden_states\.0, .*, got hidden_states\.3/,
    ],
    [
      'a feature that the student has not',
      (e) => (e['bridges'] = set([{ ...preset('tiny').bridges[0], student: 'stage.9' }])),
      /bridges\[0\]\.student: expected one of stem, .*, got stage\.9/,
    ],
    [
      'a bridge that is there twice',
      (e) => (e['bridges'] = set([preset('tiny').bridges[0], { ...preset('tiny').bridges[0], grid: 1 }])),
      /bridges\[1\]: expected another pair of features, got last_hidden_state → stage\.3 again/,
    ],
    [
      'target modules that choose nothing',
      (e) => (e['adapter']!['target_modules'] = set('nothing')),
      /target_modules: expected a choice of the model’s modules, got "nothing"/,
    ],
    [
      'full training of packed weights',
      (e) => Object.assign(e, { adapter: null, precision: 'nf4' }),
      /precision: expected fp32, since adapter is null and packed weights cannot be trained, got nf4, .*; set precision/,
    ],
    [
      'target modules that are no pattern',
      (e) => (e['adapter']!['target_modules'] = set('(')),
      /target_modules: expected .*got/,
    ],
  ];

  for (const [what, change, says] of spoiled) {
    it(`refuses ${what} in one sentence with file and field`, () => {
      const config = write(change);
      assert.throws(
        () => resolveExperiment({ config }),
        (error: unknown) => {
          assert.ok(error instanceof BadInput, String(error));
          assert.match(error.message, says);
          assert.ok(error.message.startsWith(`${file}, `), error.message);
          assert.ok(!error.message.includes('\n'));
          return true;
        },
      );
    });
  }

  it('refuses what is no configuration', () => {
    const refused = (config: string, says: RegExp): void => {
      assert.throws(
        () => readExperiment(config),
        (error) => error instanceof BadInput && says.test(error.message),
      );
    };
    refused(join(folder, 'absent.json'), /absent\.json: expected a readable JSON file, got no such/);
    refused(folder, /expected a readable JSON file, got a folder/);
    writeFileSync(file, '{"seed": ');
    refused(file, /e\.json: expected JSON, got/);
    writeFileSync(file, '[]');
    refused(file, /e\.json: expected a value of type object, got \[\]/);
  });
});
