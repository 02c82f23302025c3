import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as conduit from 'gemma-3ncore/conduit';
import { currentRun } from 'gemma-3ncore/current_run';
import { readExperiment } from 'gemma-3ncore/experiment';
import { readReport } from 'gemma-3ncore/report/report';
import { runPath } from 'gemma-3ncore/run_folder';
import { useFolder } from './support/folder.js';
import { useEnvironment } from './support/hub_server.js';

const root = useFolder();
useEnvironment({ RUN_DIR: undefined, NCORE_CACHE: join(root, 'cache') });

test('hyper-parameters that change after training has begun go into a new run, with all that Active needs of it', async () => {
  const runs = join(root, 'runs');
  mkdirSync(runs);
  const first = await currentRun({ preset: 'tiny' }, runs);
  const phase = await conduit.start(first);
  await assert.rejects(
    conduit.frames(phase),
    /^BadInput: studies\(phase\): expected its cell to have run, got not yet/,
  );
  await conduit.studies(phase);
  await conduit.frames(phase);
  await conduit.bridges(phase);
  await conduit.estimates(phase);
  await conduit.teacherProbe(phase);
  await conduit.finish(phase);
  assert.equal(readReport(first.folder, 'conduit').phase, 'conduit');
  mkdirSync(runPath(first, 'checkpoints'));
  const before = readFileSync(runPath(first, 'experiment.json'));
  phase.experiment.training.learning_rate = 0.001;
  const { notes = [] } = await conduit.finish(phase);
  const second = { folder: realpathSync(join(runs, 'latest')) };
  assert.notEqual(second.folder, first.folder);
  await conduit.finish(phase);
  assert.equal(realpathSync(join(runs, 'latest')), second.folder);
  assert.match(notes[0]!, /with other hyper-parameters, and keeps them: this is a new run\.$/);
  assert.equal(readExperiment(runPath(second, 'experiment.json')).training.learning_rate, 0.001);
  const { tables } = readReport(second.folder, 'conduit');
  const rate = tables
    .find(({ name }) => name === 'settings')!
    .rows.find((row) => row['setting'] === 'training.learning_rate');
  assert.deepEqual([rate!['value'], rate!['preset']], ['0.001', '0.005']);
  assert.equal(readReport(second.folder, 'reservoir').phase, 'reservoir');
  assert.deepEqual(readFileSync(runPath(second, 'studies.csv')), readFileSync(runPath(first, 'studies.csv')));
  assert.deepEqual(readFileSync(runPath(first, 'experiment.json')), before);
  phase.experiment.training.feature_steps = phase.experiment.training.steps;
  await assert.rejects(
    conduit.finish(phase),
    /^BadInput: hyper-parameters, training\.feature_steps: expected fewer than/,
  );
});
