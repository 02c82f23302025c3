import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** A file or folder of test/goldens; compiled tests stand in test/dist/support. */
export function golden(...parts: string[]): string {
  return resolve(__dirname, '..', '..', 'goldens', ...parts);
}

export function goldenJson(...parts: string[]): Record<string, unknown> {
  return JSON.parse(readFileSync(golden(...parts), 'utf8')) as Record<string, unknown>;
}
