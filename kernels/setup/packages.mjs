import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CommandFailure, findProgram, runCommand } from './command.mjs';
import { SetupFailure } from './failure.mjs';
import { inRoot, root } from './project.mjs';
import { hashFiles, hashOf } from './stamp.mjs';

const manifests = ['package.json', 'package-lock.json', join('lib', 'package.json'), '.npmrc'].map((file) =>
  inRoot(file),
);

/** npm's script: the one that runs us, the one beside this Node (also where no `npm` is on PATH, as in a notebook). */
function npmScript() {
  const beside = dirname(dirname(process.execPath));
  const candidates = [
    process.env.npm_execpath,
    join(beside, 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(beside, 'share', 'nodejs', 'npm', 'bin', 'npm-cli.js'),
  ];
  return candidates.find((file) => file?.endsWith('npm-cli.js') && existsSync(file));
}

/** The npm packages of package-lock.json, without their install scripts. */
export const packages = {
  name: 'packages',
  stamp: inRoot('node_modules', '.setup.json'),
  inputs: () => hashOf(hashFiles(...manifests), process.platform, process.arch),
  present: () => existsSync(inRoot('node_modules', '.package-lock.json')),
  async run() {
    const script = npmScript();
    const npm = script === undefined ? findProgram('npm') : process.execPath;
    if (npm === undefined) throw new SetupFailure('npm is missing', 'install the npm that belongs to this Node.js');
    try {
      await runCommand(npm, [...(script === undefined ? [] : [script]), 'ci', '--no-progress'], { cwd: root });
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      throw new SetupFailure(
        `npm could not install the packages (${error.message})`,
        'check the network or the registry in .npmrc and run this again',
      );
    }
    return { detail: 'from package-lock.json' };
  },
};
