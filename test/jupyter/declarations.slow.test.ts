import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, sep } from 'node:path';
import { test } from 'node:test';
import type * as typescript from 'typescript';
import { projectPath } from 'gemma-3ncore/host/places';

// Cells are compiled by tslab's own TypeScript, which is older than the one that builds the library.
const tslabRequire = createRequire(projectPath('node_modules', 'tslab', 'dist', 'main.js'));
const ts = tslabRequire('@tslab/typescript-for-tslab') as typeof typescript;

/** The options of tslab's converter, with the checks of our kernel and with declarations checked too. */
const options: typescript.CompilerOptions = {
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Node10,
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts'],
  esModuleInterop: true,
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  types: ['node'],
  typeRoots: [projectPath('node_modules', '@types')],
};

function declarationsOf(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true }).map(String);
  return files.filter((file) => file.endsWith('.d.ts')).map((file) => join(folder, file));
}

function complaint(diagnostic: typescript.Diagnostic): string {
  return `${diagnostic.file?.fileName}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')}`;
}

// Checked: each declaration of this library, what it imports included as far as the library uses it (a type that is not
// found or not understood is an error in our file). Not checked: errors inside other packages' own declarations, which
// the kernel skips as well (tfjs names browser types, which Node's library does not have).
test("the library's declarations are read without error by tslab's TypeScript", () => {
  assert.match(ts.version, /^5\.0\./);
  const folder = projectPath('lib', 'dist');
  const files = declarationsOf(folder);
  assert.ok(files.length > 20);
  const program = ts.createProgram(files, options);
  const all = [...program.getGlobalDiagnostics(), ...ts.getPreEmitDiagnostics(program)];
  const ours = all.filter(({ file }) => file === undefined || file.fileName.startsWith(folder.split(sep).join('/')));
  assert.deepEqual(ours.map(complaint), []);
});
