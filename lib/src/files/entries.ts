import { readdirSync, statSync } from 'node:fs';
import { unreadable } from './byte_file.js';

/** What stands at a path, links followed; null where nothing does or where it may not be looked at. */
export function kindOf(path: string): 'file' | 'folder' | null {
  try {
    const entry = statSync(path);
    return entry.isDirectory() ? 'folder' : entry.isFile() ? 'file' : null;
  } catch {
    return null;
  }
}

/** Names of what a folder holds. @throws BadInput where it may not be looked into. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    throw unreadable(folder, error, 'folder');
  }
}
