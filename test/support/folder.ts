import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A new folder that is removed after the tests of a file. */
export function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), '3ncore-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes named folders below one that is removed after the tests of a file. */
export function useTemporaryFolder(): (name: string) => string {
  const root = useFolder();
  return (name) => {
    const folder = join(root, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
}
