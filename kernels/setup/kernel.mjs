import { cpSync, existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inRoot, inVenv, root } from './project.mjs';
import { hashFiles, hashOf, writeJson } from './stamp.mjs';

const source = inRoot('kernels', '3ncore');
const papermill = inRoot('kernels', 'papermill');
const installed = inVenv('share', 'jupyter', 'kernels', 'tslab');

/** The kernel that the notebooks name, `tslab`, installed in `.venv` as the project's launcher with this clone's paths. */
export const kernel = {
  name: 'kernel',
  stamp: join(installed, '.setup.json'),
  inputs: () => hashOf(hashFiles(source), papermill, process.execPath, installed),
  present: () => existsSync(join(installed, 'kernel.json')) || !existsSync(join(source, 'kernel.json')),
  async run() {
    if (!existsSync(join(source, 'kernel.json'))) return { detail: 'kernels/3ncore has no kernel.json' };
    const temporary = `${installed}.new`;
    rmSync(temporary, { recursive: true, force: true });
    cpSync(source, temporary, { recursive: true });
    const spec = JSON.parse(readFileSync(join(source, 'kernel.json'), 'utf8'));
    writeJson(join(temporary, 'kernel.json'), {
      ...spec,
      argv: spec.argv.map((part) => absolute(part)),
      env: { ...spec.env, NCORE_ROOT: root },
    });
    rmSync(installed, { recursive: true, force: true });
    letPythonFindPapermill();
    renameSync(temporary, installed);
    return { detail: 'tslab in .venv' };
  },
};

/** A path file makes the engine for papermill (its module and its entry point) a part of the Python environment. */
function letPythonFindPapermill() {
  for (const version of readdirSync(inVenv('lib'))) {
    const folder = inVenv('lib', version, 'site-packages');
    if (existsSync(folder)) writeFileSync(join(folder, '3ncore.pth'), `${papermill}\n`);
  }
}

/** The launcher runs from the clone, not from the copy, so that it finds the packages beside it. */
function absolute(part) {
  if (part === 'node') return process.execPath;
  return part.replace('{resource_dir}', source);
}
