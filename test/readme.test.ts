import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { describe, it } from 'node:test';
import { projectPath } from 'gemma-3ncore/host/places';

/** The files below a folder of lib/ as `folder/name`, with the folder as the headings of lib/README.md have it. */
function filesBelow(folder: string, prefix: string): string[] {
  const root = projectPath('lib', folder);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const below = relative(root, entry.parentPath).split(sep).join('/');
      return `${prefix}${below === '' ? '' : `${below}/`}${entry.name}`;
    });
}

/** The lines of `## Files` as `folder/name`; those of `src/*.ts` by their name alone. */
function listedFiles(): string[] {
  const lines = readFileSync(projectPath('lib', 'README.md'), 'utf8').split('\n');
  let heading: string | undefined;
  const listed: string[] = [];
  for (const line of lines.slice(lines.indexOf('## Files') + 1)) {
    if (line.startsWith('## ')) break;
    if (line.startsWith('### ')) heading = line.slice(4).replace('src/*.ts', '');
    if (!line.startsWith('- ')) continue;
    const name = /^- `([^`/]+)` \S/.exec(line)?.[1];
    assert.ok(name !== undefined && heading !== undefined, `not a file with what it holds: ${line}`);
    listed.push(`${heading}${name}`);
  }
  return listed;
}

describe('lib/README.md', () => {
  const listed = listedFiles();
  const present = [
    ...filesBelow('src', '').filter((file) => file.endsWith('.ts') && !file.startsWith('schema/generated/')),
    ...filesBelow('native', 'native/'),
  ];

  it('has a line for every source file under the heading of its folder', () => {
    assert.deepEqual(
      present.filter((file) => !listed.includes(file)),
      [],
    );
  });

  it('names no file that is gone, and none twice', () => {
    assert.deepEqual(
      listed.filter((file, i) => !present.includes(file) || listed.indexOf(file) !== i),
      [],
    );
  });
});
