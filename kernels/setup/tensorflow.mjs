// Finds the TensorFlow to compile against: one that is named, one that Python has, one that PyPI gives.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.mjs';
import { SetupFailure } from './failure.mjs';
import { findPython, pipCommand } from './python.mjs';
import { inEngine, inRoot } from './project.mjs';

/** Wheels and what they take: downloads in MB and free space in MB while unpacking. */
const wheels = {
  'tensorflow-cpu': { megabytes: 274, free: 1400 },
  tensorflow: { megabytes: 572, free: 3000 },
};

/** Describes a TensorFlow folder (of a Python package, or unpacked from its wheel); undefined where it lacks libraries or headers. */
export function inspectTensorFlow(folder) {
  const libraries = existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith('libtensorflow_')) : [];
  const cc = libraries.find((name) => /^libtensorflow_cc\.(so\.\d+|\d+\.dylib)$/.test(name));
  const framework = libraries.find((name) => /^libtensorflow_framework\.(so\.\d+|\d+\.dylib)$/.test(name));
  if (
    cc === undefined ||
    framework === undefined ||
    !existsSync(join(folder, 'include', 'tensorflow', 'c', 'c_api.h'))
  ) {
    return undefined;
  }
  return {
    folder,
    libraries: [cc, framework],
    version: versionOf(folder) ?? 'of unknown version',
    cuda: cudaOf(folder),
  };
}

/** The version in the name of the package's metadata folder beside it. */
function versionOf(folder) {
  const names = readdirSync(join(folder, '..'));
  return names
    .map((name) => /^tensorflow(?:_cpu)?-(.+)\.dist-info$/.exec(name)?.[1])
    .find((found) => found !== undefined);
}

function cudaOf(folder) {
  const file = join(folder, 'python', 'platform', 'build_info.py');
  if (!existsSync(file)) return undefined;
  return /is_cuda_build\W+True/.test(readFileSync(file, 'utf8'));
}

/** The TensorFlow that is already on the machine: `NCORE_TENSORFLOW`, else the Python package; undefined where there is none. */
export function installedTensorFlow(python) {
  const named = process.env.NCORE_TENSORFLOW;
  if (named !== undefined && named !== '') {
    const found = inspectTensorFlow(named);
    if (found !== undefined) return { ...found, origin: 'NCORE_TENSORFLOW' };
    throw new SetupFailure(
      `NCORE_TENSORFLOW names ${named}, which lacks libtensorflow_cc, libtensorflow_framework or include/`,
      'name the folder `tensorflow` of a Python installation, or unset it',
    );
  }
  if (python === undefined) return undefined;
  const folder = pythonPackage(python.program);
  const found = folder === undefined ? undefined : inspectTensorFlow(folder);
  return found === undefined ? undefined : { ...found, origin: 'the Python package' };
}

function pythonPackage(program) {
  const code =
    'import importlib.util as u; s = u.find_spec("tensorflow"); print(list(s.submodule_search_locations)[0] if s else "")';
  try {
    const folder = execFileSync(program, ['-c', code], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    return folder === '' ? undefined : folder;
  } catch {
    return undefined;
  }
}

/** TensorFlow from PyPI, unpacked to `.engine/` (libraries and headers alone); downloads it where it is not there yet. */
export async function downloadedTensorFlow({ gpu }) {
  const x64Linux = process.platform === 'linux' && process.arch === 'x64';
  const wheel = x64Linux && !gpu && !existsSync(unpacked('tensorflow').folder) ? 'tensorflow-cpu' : 'tensorflow';
  const { folder, version, lock } = unpacked(wheel);
  if (!existsSync(folder)) await downloadTo(folder, wheel, lock);
  const found = inspectTensorFlow(folder);
  if (found === undefined)
    throw new Error(`the wheel ${wheel} ${version} has no libraries to link with on this platform`);
  return { ...found, version, origin: `${wheel} from the package index` };
}

function unpacked(wheel) {
  const lock = inRoot('kernels', 'locks', `${wheel}.txt`);
  const version = new RegExp(`^${wheel}==(\\S+)`, 'm').exec(readFileSync(lock, 'utf8'))[1];
  return { lock, version, folder: inEngine(`${wheel}-${version}`) };
}

async function downloadTo(folder, wheel, lock) {
  const { megabytes, free } = wheels[wheel];
  const temporary = inEngine('tmp', 'wheel');
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { recursive: true });
  const left = freeMegabytes(temporary);
  if (left < free)
    throw new SetupFailure(`TensorFlow needs ${free} MB of disk, ${Math.floor(left)} MB are free`, 'free some');
  const pip = pipCommand();
  if (pip === undefined) throw new SetupFailure('no Python with pip was found to download TensorFlow', 'install one');
  const [program, ...args] = pip.filter((part, at) => part !== '--python' && pip[at - 1] !== '--python');
  await runCommand(
    program,
    [...args, 'download', '--no-deps', '--require-hashes', '-q', '-d', temporary, '-r', lock, ...wheelOfAnyPython()],
    { env: { TMPDIR: temporary }, watch: downloadProgress(temporary, wheel, megabytes) },
  );
  const file = readdirSync(temporary).find((name) => name.endsWith('.whl'));
  const fresh = inEngine('tmp', 'tensorflow');
  rmSync(fresh, { recursive: true, force: true });
  await runCommand(findPython().program, [
    inRoot('kernels', 'setup', 'unpack_tensorflow.py'),
    join(temporary, file),
    fresh,
  ]);
  rmSync(temporary, { recursive: true });
  renameSync(fresh, folder);
}

/** The libraries do not depend on Python: any wheel of this platform serves, also where this Python is too new for one. */
function wheelOfAnyPython() {
  const platforms = {
    'linux x64': ['manylinux_2_27_x86_64', 'manylinux2014_x86_64'],
    'linux arm64': ['manylinux_2_27_aarch64', 'manylinux2014_aarch64'],
    'darwin arm64': ['macosx_12_0_arm64'],
  }[`${process.platform} ${process.arch}`];
  const python = ['--only-binary', ':all:', '--python-version', '312', '--implementation', 'cp', '--abi', 'cp312'];
  return [...python, ...platforms.flatMap((platform) => ['--platform', platform])];
}

/** pip copies the file it has downloaded, so the largest one is what has come. */
function downloadProgress(folder, wheel, total) {
  return (elapsed) => {
    const done = Math.max(0, ...fileSizes(folder)) / 1e6;
    const rate = done / elapsed;
    const left = rate > 0 ? `${Math.max(0, Math.ceil((total - done) / rate))} s left` : 'waiting';
    return `${wheel}: ${Math.round(done)} of ${total} MB, ${rate.toFixed(1)} MB/s, ${left}`;
  };
}

/** Size of a folder in MB. */
export function folderMegabytes(folder) {
  return fileSizes(folder).reduce((sum, bytes) => sum + bytes, 0) / 1e6;
}

/** Bytes of the files of a folder, recursively; what vanishes meanwhile counts as nothing. */
function fileSizes(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0);
}

function freeMegabytes(folder) {
  const { bavail, bsize } = statfsSync(folder);
  return (bavail * bsize) / 1e6;
}
