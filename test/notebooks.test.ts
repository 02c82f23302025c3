import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';
import { researchOnly } from 'gemma-3ncore/report/wording';

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
