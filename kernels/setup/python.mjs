import { execFileSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { CommandFailure, findProgram, runCommand } from './command.mjs';
import { SetupFailure } from './failure.mjs';
import { inRoot, inVenv } from './project.mjs';
import { hashFiles, hashOf } from './stamp.mjs';

const requirements = inRoot('kernels', 'requirements.txt');
const venvPython = inVenv('bin', 'python');
const probe = `
import importlib.util as u, json, sys
print(json.dumps({"version": list(sys.version_info[:3]), "venv": u.find_spec("venv") is not None,
  "ensurepip": u.find_spec("ensurepip") is not None, "pip": u.find_spec("pip") is not None, "prefix": sys.base_prefix}))`;

/** The first Python >= 3.10 with `venv` (`NCORE_PYTHON`, then PATH): its path and what it has; undefined where there is none. */
export function findPython() {
  const names = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];
  const named = process.env.NCORE_PYTHON;
  const programs = named === undefined ? names.map((name) => findProgram(name)) : [named];
  for (const program of programs.filter((path) => path !== undefined)) {
    const found = askPython(program);
    if (found === undefined) continue;
    const [major, minor] = found.version;
    if (major === 3 && minor >= 10 && found.venv && (found.ensurepip || found.pip)) return { program, ...found };
  }
  return undefined;
}

function askPython(program) {
  try {
    return JSON.parse(execFileSync(program, ['-c', probe], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return undefined;
  }
}

/** How to call pip: of `.venv` where it has one, else of the host's Python acting on `.venv`; undefined without Python. */
export function pipCommand() {
  if (existsSync(inVenv('bin', 'pip'))) return [venvPython, '-m', 'pip'];
  const python = findPython();
  if (python === undefined || !python.pip) return undefined;
  return [python.program, '-m', 'pip', ...(existsSync(venvPython) ? ['--python', venvPython] : [])];
}

/** `pip install` into the Python environment, every file checked against the lock's hashes. */
async function installLocked() {
  const [program, ...args] = pipCommand();
  await runCommand(program, [...args, 'install', '--no-compile', '--require-hashes', '-r', requirements]);
}

/** The Python environment in `.venv`: Jupyter's client side and JupyterLab. */
export const python = {
  name: 'python',
  stamp: inVenv('.setup.json'),
  inputs: () => hashOf(hashFiles(requirements), inVenv(), process.env.NCORE_PYTHON ?? ''),
  present: () => existsSync(venvPython) && existsSync(inVenv('bin', 'jupyter')),
  async run() {
    const found = findPython();
    if (found === undefined) {
      throw new SetupFailure(
        'no Python >= 3.10 with venv was found',
        'install one (on Debian: python3 and python3-venv) or name it in NCORE_PYTHON',
      );
    }
    rmSync(inVenv(), { recursive: true, force: true });
    try {
      const withPip = found.ensurepip ? [] : ['--without-pip'];
      await runCommand(found.program, ['-m', 'venv', ...withPip, inVenv()]);
      await installLocked();
    } catch (error) {
      if (!(error instanceof CommandFailure)) throw error;
      throw new SetupFailure(
        `the Python packages could not be installed (${error.message})`,
        'check the network or the package index that pip is set to and run this again',
      );
    }
    return { detail: `Python ${found.version.join('.')}` };
  },
};
