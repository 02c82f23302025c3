import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { readReport, writeReport } from 'gemma-3ncore/report/report';
import { phantomStamp } from 'gemma-3ncore/report/wording';
import { preset } from 'gemma-3ncore/schema/presets';
import { exportShareable, type Exported } from 'gemma-3ncore/shareable/export';
import { averagedHistory } from 'gemma-3ncore/shareable/small_cells';
import { active, conduit, hostile, reservoir, trainingRun } from '../report/examples.js';
import { useTemporaryFolder } from '../support/folder.js';
import { plantedIn } from '../support/planted.js';

const folderFor = useTemporaryFolder();

const probe = {
  ...{
    layer: 'last_hidden_state',
    grid: [1, 1],
    features: 8,
    studies: { train: 40, validation: 18, validation_patients: 9 },
  },
  ...{ chosen_by: 'VAL' as const, penalties: { EDV: 1, ESV: 1, EF: 1 } },
  mae: [{ target: 'EF' as const, unit: '%', probe: 5, mean: 9 }],
};

describe('shareable/export of enough patients', () => {
  const folder = folderFor('run');
  const out = join(folderFor('parent'), 'shared');
  const weights = '/home/plantwell/weights';
  let exported: Exported;

  before(async () => {
    const experiment = preset('phantom');
    experiment.teacher.weights = weights;
    writeFileSync(join(folder, 'experiment.json'), JSON.stringify(experiment));
    const own = structuredClone(reservoir) as { body: { cost: { teacher: { name: string } } } };
    own.body.cost.teacher.name = weights;
    await writeReport(folder, 'reservoir', own as typeof reservoir);
    await writeReport(folder, 'conduit', conduit);
    await writeReport(folder, 'active', active);
    exported = await exportShareable({ folder }, out);
  });

  it('keeps the statistics of TEST with their intervals, and draws them', () => {
    const { body, figures, stamps } = readReport(out, 'active');
    const original = readReport(folder, 'active').body;
    assert.deepEqual(body.metrics, original.metrics);
    assert.deepEqual(body.bland_altman, original.bland_altman);
    assert.deepEqual(body.consistency, original.consistency);
    assert.deepEqual([stamps, exported.hidden], [[phantomStamp], 0]);
    for (const name of ['error_EF_MAE', 'difference_EF_MAE']) assert.ok(figures.some((figure) => figure.name === name));
    for (const { file } of figures) assert.ok(exported.files.includes(file));
    const html = readFileSync(join(out, 'active.html'), 'utf8');
    assert.equal(html.match(/<svg/g)?.length, figures.length);
  });

  it('leaves names of data and folders behind', () => {
    assert.deepEqual(plantedIn(out, [hostile, weights, 'plantwell', 'no traced frames']), []);
    assert.ok(plantedIn(folder, [hostile, weights]).length > 0);
    assert.equal(readReport(out, 'reservoir').body.cost.teacher.name, 'own weights');
    assert.deepEqual(readReport(out, 'active').body.adapters, []);
  });
});

describe('shareable/export of nine patients in two views', () => {
  it('hides what their eighteen studies on VAL say', async () => {
    const folder = folderFor('nine');
    const cohort = { ...active.body.cohort, VAL: { studies: 18, patients: 9, labelled_patients: 9 } };
    writeFileSync(join(folder, 'experiment.json'), JSON.stringify(preset('phantom')));
    await writeReport(folder, 'conduit', { ...conduit, body: { ...conduit.body, probe } });
    await writeReport(folder, 'active', { ...active, body: { ...active.body, cohort } });
    const to = join(folder, 'shared');
    await exportShareable({ folder }, to);
    const { training } = readReport(to, 'active').body;
    assert.ok(training.every(({ history }) => history.length > 0));
    const validations = training.flatMap(({ validation }) => validation);
    assert.ok(validations.length > 0);
    for (const { task, mae } of validations) assert.deepEqual([task, ...mae], [null, null, null, null]);
    assert.equal(readReport(to, 'conduit').body.probe, undefined);
  });
});

describe('shareable/small_cells', () => {
  it('averages losses over as many steps as make ten samples', () => {
    const { history } = trainingRun('distilled', 1, 5);
    const part = { studies: 40, patients: 40, labelled_patients: 40 };
    const [first, second, ...more] = averagedHistory(history, part);
    assert.deepEqual(more, []);
    assert.deepEqual([first!.step, first!.samples, second!.step], [1, 16, 3]);
    assert.equal(first!.task, (history[0]!.task + history[1]!.task) / 2);
    assert.equal(first!.feature, null);
  });

  it('counts patients, not their views, and hides losses of few', () => {
    const { history } = trainingRun('distilled', 1, 6);
    const steps = (part: { studies: number; patients: number; labelled_patients: number }) =>
      averagedHistory(history, part).map(({ step, task }) => [step, task === null]);
    assert.deepEqual(steps({ studies: 40, patients: 20, labelled_patients: 20 }), [
      [2, false],
      [5, false],
    ]);
    assert.deepEqual(steps({ studies: 18, patients: 9, labelled_patients: 9 }), []);
    assert.deepEqual(steps({ studies: 20, patients: 20, labelled_patients: 9 }), [
      [1, true],
      [3, true],
      [5, true],
    ]);
  });
});
