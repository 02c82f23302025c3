import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';

/** A new folder that is removed after the tests of a file. */
export function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), '3ncore-test-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
