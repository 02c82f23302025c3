import { existsSync } from 'node:fs';
import { CommandFailure, runCommand } from './command.mjs';
import { SetupFailure } from './failure.mjs';
import { inRoot, root } from './project.mjs';
import { hashFiles } from './stamp.mjs';

const sources = [
  inRoot('lib', 'src'),
  inRoot('lib', 'tsconfig.json'),
  inRoot('tsconfig.base.json'),
  inRoot('package-lock.json'),
];

/** The library compiled to lib/dist. */
export const library = {
  name: 'library',
  stamp: inRoot('lib', 'dist', '.setup.json'),
  inputs: () => hashFiles(...sources),
  present: () => existsSync(inRoot('lib', 'dist', 'engine', 'open.js')),
  async run() {
    try {
      await runCommand(process.execPath, [inRoot('node_modules', 'typescript', 'bin', 'tsc'), '-b', 'lib'], {
        cwd: root,
      });
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      throw new SetupFailure(`the library does not compile (${error.message})`, 'mend the named source file');
    }
    return { detail: 'lib/src to lib/dist' };
  },
};
