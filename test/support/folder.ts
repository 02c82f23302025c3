import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A folder for the tests of a file, removed after them. */
export function useTemporaryFolder(): (name: string) => string {
  const root = mkdtempSync(join(tmpdir(), '3ncore-'));
  after(() => rmSync(root, { recursive: true, force: true }));
  return (name) => {
    const folder = join(root, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  };
}
