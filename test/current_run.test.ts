import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { currentRun, ofConfiguration } from 'gemma-3ncore/current_run';
import { readExperiment } from 'gemma-3ncore/experiment';
import { runPath, type Run } from 'gemma-3ncore/run_folder';
import { preset } from 'gemma-3ncore/schema/presets';
import { useTemporaryFolder } from './support/folder.js';
import { setEnvironment, useEnvironment } from './support/hub_server.js';

const folderFor = useTemporaryFolder();
useEnvironment({ RUN_DIR: undefined });

const configurationOf = (run: Run) => readExperiment(runPath(run, 'experiment.json'));
const finish = (run: Run): void => writeFileSync(runPath(run, 'active.report.json'), '{}');

describe('the run of notebooks without RUN_DIR', () => {
  it('begins once, is shared until it is finished, and hands its configuration on', async () => {
    const runs = folderFor('runs');
    const first = await currentRun({}, runs);
    assert.deepEqual(configurationOf(first), preset('phantom'));
    assert.deepEqual(await currentRun({}, runs), first);
    writeFileSync(runPath(first, 'experiment.json'), JSON.stringify({ ...preset('tiny'), seed: 7 }));
    finish(first);
    const second = await currentRun({}, runs);
    assert.notDeepEqual(second, first);
    assert.deepEqual(configurationOf(second), { ...preset('tiny'), seed: 7 });
    assert.equal(join(runs, readlinkSync(join(runs, 'latest'))), second.folder);
  });

  it('goes on where options ask for what it has, and is another where they ask for something else', async () => {
    const runs = folderFor('options');
    const data = folderFor('data');
    const options = { preset: 'tiny', dataset: 'echonet-dynamic', dataRoot: data, limit: 20 };
    const run = await currentRun(options, runs);
    const expected = preset('tiny');
    Object.assign(expected.data, { dataset: 'echonet-dynamic', root: data, limit: 20 });
    assert.deepEqual(configurationOf(run), expected);
    assert.deepEqual(await currentRun(options, runs), run);
    assert.deepEqual(await currentRun({ limit: 20 }, runs), run);
    const phantom = await currentRun({ dataset: 'phantom' }, runs);
    assert.notDeepEqual(phantom, run);
    assert.deepEqual(configurationOf(phantom).data, { ...expected.data, dataset: 'phantom', root: null });
  });

  it('refuses what is no configuration before it begins', async () => {
    const runs = folderFor('refused');
    await assert.rejects(
      currentRun({ preset: 'large' }, runs),
      /^BadInput: preset: expected one of tiny, .*, got large\.$/,
    );
    await assert.rejects(
      currentRun({ dataset: 'camus' }, runs),
      /data\.root: expected the folder of camus, got null; give/,
    );
    await assert.rejects(currentRun({ limit: 0 }, runs), /limit/);
    const absent = { dataset: 'camus', dataRoot: join(runs, 'absent') };
    await assert.rejects(
      currentRun(absent, runs),
      /absent: expected the folder of the data set, got none; set dataRoot/,
    );
    assert.deepEqual(readdirSync(runs), []);
  });
});

describe('a configuration that changes', () => {
  it('is written into its run before training, and into a new one after it has begun', async () => {
    const runs = folderFor('changed');
    const run = await currentRun({}, runs);
    const [slower, slowest] = [0.001, 0.0001].map((learning_rate) => {
      const changed = preset('phantom');
      return { ...changed, training: { ...changed.training, learning_rate } };
    }) as [ReturnType<typeof preset>, ReturnType<typeof preset>];
    assert.deepEqual(await ofConfiguration(run, slower), run);
    mkdirSync(runPath(run, 'checkpoints'));
    const before = readFileSync(runPath(run, 'experiment.json'));
    assert.deepEqual(await ofConfiguration(run, slower), run);
    const other = await ofConfiguration(run, slowest);
    assert.notDeepEqual(other, run);
    assert.deepEqual(configurationOf(other), slowest);
    assert.deepEqual(readFileSync(runPath(run, 'experiment.json')), before);
    assert.deepEqual(await currentRun({}, runs), other);
  });
});

describe('RUN_DIR', () => {
  it('names the run, takes options once, and is refused where it is no folder or has another configuration', async () => {
    const folder = folderFor('given');
    setEnvironment({ RUN_DIR: folder });
    assert.deepEqual(await currentRun(), { folder });
    assert.deepEqual(readdirSync(folder), []);
    const run = await currentRun({ preset: 'tiny', seed: 5 });
    assert.deepEqual(configurationOf(run), { ...preset('tiny'), seed: 5 });
    assert.deepEqual(await currentRun({ seed: 5 }), run);
    await assert.rejects(
      currentRun({ seed: 6 }),
      /experiment\.json: expected the configuration that is asked for, got another/,
    );
    mkdirSync(join(folder, 'checkpoints'));
    await assert.rejects(ofConfiguration(run, preset('tiny')), /got another one; let RUN_DIR name a new folder/);
    setEnvironment({ RUN_DIR: join(folder, 'absent') });
    await assert.rejects(currentRun(), /^BadInput: RUN_DIR: expected a run folder, got .*absent\.$/);
  });
});
