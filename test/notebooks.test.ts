import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { researchOnly } from 'gemma-3ncore/report/wording';
import { useTemporaryFolder } from './support/folder.js';

interface Cell {
  readonly cell_type: string;
  readonly source: readonly string[];
  readonly outputs?: readonly unknown[];
  readonly execution_count?: number | null;
}

describe('the stored notebooks', () => {
  const names = readdirSync(projectPath('notebooks')).filter((name) => name.endsWith('.ipynb'));

  it('are the three phases', () => {
    assert.deepEqual(names.sort(), ['active.ipynb', 'conduit.ipynb', 'reservoir.ipynb']);
  });

  for (const name of names) {
    it(`${name} has no outputs, names its kernel and says what it is for`, () => {
      const text = readFileSync(projectPath('notebooks', name), 'utf8');
      const { cells, metadata } = JSON.parse(text) as {
        cells: Cell[];
        metadata: { kernelspec: { name: string }; widgets?: unknown };
      };
      const code = cells.filter(({ cell_type }) => cell_type === 'code');
      assert.ok(code.length >= 4);
      for (const { outputs, execution_count } of code) assert.deepEqual([outputs, execution_count], [[], null]);
      assert.deepEqual([metadata.kernelspec.name, metadata.widgets], ['tslab', undefined]);
      assert.ok(cells[0]!.source.join('').includes(researchOnly));
      // A notebook calls its phase and narrates; what is longer belongs to the library.
      for (const { source } of code) assert.ok(source.length <= 10, source.join(''));
    });
  }
});

describe('kernels/check_notebooks.mjs', () => {
  const folderFor = useTemporaryFolder();
  const check = (folder: string) =>
    spawnSync(process.execPath, [projectPath('kernels', 'check_notebooks.mjs'), folder], { encoding: 'utf8' });

  it('accepts the notebooks of the project, those of Kaggle and Colab among them', () => {
    const { status, stderr } = check(projectPath());
    assert.deepEqual([status, stderr], [0, '']);
  });

  it('fails on outputs, counts, attachments and the states of widgets, naming the file and the cell', () => {
    const clean = { cell_type: 'code', source: [], outputs: [], execution_count: null };
    for (const [trace, cell, metadata] of [
      ['cell 1: outputs', { ...clean, outputs: [{ output_type: 'stream' }] }, {}],
      ['cell 1: an execution count', { ...clean, execution_count: 3 }, {}],
      ['cell 1: an attachment', { cell_type: 'markdown', source: [], attachments: { 'a.png': {} } }, {}],
      ["metadata: widgets' states", clean, { widgets: {} }],
    ] as const) {
      const folder = join(folderFor('traces'), 'below');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'a.ipynb'), JSON.stringify({ cells: [clean, cell], metadata }));
      const { status, stderr } = check(join(folder, '..'));
      assert.equal(status, 1);
      assert.ok(stderr.includes(`a.ipynb, ${trace}; clear`), stderr);
    }
  });

  it('fails where there is no notebook to check', () => {
    assert.equal(check(folderFor('none')).status, 1);
  });
});
