import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { datasetNames, openDataset, type DatasetName } from 'gemma-3ncore/data/dataset';
import { writePhantomCamus } from 'gemma-3ncore/data/phantom/camus';
import { writePhantomDataset } from 'gemma-3ncore/data/phantom/dataset';
import { projectPath } from 'gemma-3ncore/host/places';
import { useFolder } from '../support/folder.js';
import { testPython } from '../support/python.js';

interface Found {
  errors: string[];
  warnings: string[];
  conformsTo: string;
  recordSets: string[];
  records: Record<string, Record<string, string | number>[]>;
}

const folder = useFolder();
const config = { studies: 4, seed: 3, size: 32, split: { train: 0.5, val: 0.25 } };
const manifestOf = (name: DatasetName): string => projectPath('data-manifests', 'datasets', `${name}.json`);

/** What mlcroissant reads of a manifest and of some of its record sets. */
function read(manifest: string, ...recordSets: string[]): Found {
  const script = projectPath('test', 'python', 'croissant.py');
  const output = execFileSync(testPython('requirements-croissant'), [script, manifest, ...recordSets], {
    encoding: 'utf8',
  });
  return JSON.parse(output) as Found;
}

/** The records of a folder by the data set's manifest, laid beside the data. */
function records(root: string, name: DatasetName, ...recordSets: string[]): Found['records'] {
  const manifest = join(root, 'croissant.json');
  copyFileSync(manifestOf(name), manifest);
  return read(manifest, ...recordSets).records;
}

describe('data-manifests/datasets', () => {
  for (const name of datasetNames) {
    it(`has a manifest of ${name} that mlcroissant accepts without a warning`, () => {
      const { errors, warnings, conformsTo, recordSets } = read(manifestOf(name));
      assert.deepEqual([errors, warnings], [[], []]);
      assert.match(conformsTo, /V_?1_?0|1\.0/);
      assert.ok(recordSets.includes('studies') && recordSets.includes('splits'), recordSets.join());
    });
  }

  it('describes the layout of EchoNet-Dynamic so that mlcroissant reads what the library reads', async () => {
    const root = join(folder, 'echonet');
    await writePhantomDataset(root, config);
    const { studies } = await openDataset('echonet-dynamic', root);
    for (const name of ['phantom', 'echonet-dynamic'] as const) {
      const found = records(root, name, 'studies', 'tracings');
      assert.deepEqual(
        found['studies']!.map((row) => ['FileName', 'Split', 'EDV', 'EF'].map((key) => row[`studies/${key}`])),
        studies.map(({ id, split, EDV, EF }) => [id, split, EDV, EF]),
      );
      assert.equal(found['tracings']!.length, config.studies * 2 * 21);
    }
  });

  it('describes the layout of CAMUS so that mlcroissant reads what the library reads', async () => {
    const root = join(folder, 'camus');
    await writePhantomCamus(root, config);
    const { studies } = await openDataset('camus', root);
    const found = records(root, 'camus', 'studies')['studies']!;
    const line = (row: Record<string, string | number>): string =>
      `${row['studies/patient']}_${row['studies/view']} ${/^EF: (.*)$/m.exec(String(row['studies/info']))?.[1]}`;
    assert.deepEqual(found.map(line).sort(), studies.map(({ id, EF }) => `${id} ${EF.toFixed(2)}`).sort());
  });
});
