import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { readPredictions } from 'gemma-3ncore/analysis/predictions';
import { openSafetensors } from 'gemma-3ncore/files/safetensors';
import { readReport } from 'gemma-3ncore/report/report';
import { cli, type CliRun } from '../support/cli.js';
import { useFolder } from '../support/folder.js';
import { realPresetOnPhantoms } from '../support/real_preset.js';

/** The real experiment's preset on five phantoms with the miniatures in its towers; `npm run bench:dry-run` has towers of full size. */
describe('the preset medsiglip-gemma3n', () => {
  const root = useFolder();
  const out = join(root, 'run');
  const cache = join(root, 'cache');
  let run: CliRun;

  before(async () => {
    const config = join(root, 'experiment.json');
    writeFileSync(config, JSON.stringify(realPresetOnPhantoms('siglip-geometry', 'mobilenetv5-shapes')));
    run = await cli(['train', '--config', config, '--out', out], { env: { NCORE_CACHE: cache } });
    assert.equal(run.code, 0, run.stderr);
  });

  it('runs through all phases, both bridges and the probe', async () => {
    const rows = await readPredictions(join(out, 'predictions.csv'));
    assert.deepEqual([...new Set(rows.map(({ model }) => model))], ['distilled', 'teacher_probe', 'mean']);
    const { training } = readReport(out, 'active').body;
    assert.ok(training[0]!.history.every(({ feature }) => feature !== null && Number.isFinite(feature)));
    const { bridges, probe } = readReport(out, 'conduit').body;
    // 16 × 16 × 128 half-precision numbers.
    assert.deepEqual(
      bridges.map(({ bytes }) => bytes),
      [65536, 65536],
    );
    assert.deepEqual([probe?.features, probe?.studies], [256, { train: 2, validation: 1, validation_patients: 1 }]);
    assert.match(run.stdout, /^teacher probe +MAE on VAL: EDV [\d.]+ mL/m);
  });

  it('keeps one half-precision map for both bridges and one for the probe, of TRAIN and of the others', () => {
    const maps = readdirSync(join(cache, 'features')).filter((name) => !name.startsWith('.'));
    const folders = maps.map((name) => join(cache, 'features', name));
    const frames = folders.map((folder) => {
      const files = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
      const shards = files.map((name) => openSafetensors(join(folder, name)));
      const entries = shards.flatMap((shard) => [...shard.names()].map((name) => [shard, name] as const));
      for (const [shard, name] of entries) assert.equal(shard.dtypeOf(name), 'F16');
      const [first] = entries;
      const found = `${entries.length} of ${first![0].shapeOf(first![1]).join('×')}`;
      shards.forEach((shard) => shard.close());
      return found;
    });
    // ED and ES of two TRAIN studies; of all five.
    assert.deepEqual(frames.sort(), ['10 of 1×1×128', '4 of 16×16×128']);
  });
});
