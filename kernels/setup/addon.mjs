// Compiles tfjs-node's native addon once for each TensorFlow, set of sources, compiler and processor.
import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { buildAddon as compileAddon } from '../../lib/native/build.mjs';
import { findProgram, interruption, runCommand, withHeartbeat } from './command.mjs';
import { pipCommand, findPython } from './python.mjs';
import { addonPackage, inEngine, inRoot } from './project.mjs';
import { hashFiles, hashOf } from './stamp.mjs';

const native = inRoot('lib', 'native');

/** The lists of what an addon is made of, the better one first. */
export const unitLists = [
  { file: 'sources.json', name: 'graph functions and fused kernels' },
  { file: 'plain.json', name: "the package's own sources" },
];

/** Compilers in the order of preference; the last is brought by Python when it is needed. */
export function findCompilers() {
  const named = process.env.NCORE_CXX ?? process.env.CXX;
  const names = named === undefined ? ['g++', 'clang++'] : [named];
  const found = names
    .map((name) => (name.includes('/') ? name : findProgram(name)))
    .filter((path) => path !== undefined);
  return found.map((path) => ({ name: basename(path), command: async () => [path] }));
}

/** PyPI's ziglang, a C++ compiler that pip can bring: it links what uses TensorFlow's C interface alone. */
export const ziglang = {
  name: 'ziglang',
  async command() {
    const folder = inEngine('ziglang');
    if (!existsSync(folder)) {
      const temporary = inEngine('tmp', 'ziglang');
      rmSync(temporary, { recursive: true, force: true });
      const [program, ...args] = pipCommand();
      const lock = inRoot('kernels', 'locks', 'ziglang.txt');
      await runCommand(program, [
        ...args,
        'install',
        '--no-compile',
        '--require-hashes',
        '--target',
        temporary,
        '-r',
        lock,
      ]);
      renameSync(temporary, folder);
    }
    const cpu = process.arch === 'x64' ? 'x86_64' : 'aarch64';
    const target = process.platform === 'linux' ? ['-target', `${cpu}-linux-gnu.2.28`] : [];
    return [findPython().program, join(folder, 'ziglang'), 'c++', ...target];
  },
};

/** A name for what an addon depends on: the TensorFlow, the sources and their flags, the compiler, this processor. */
function addonKey(tensorflow, list, compiler) {
  const library = statSync(join(tensorflow.folder, tensorflow.libraries[0]));
  return hashOf(
    [tensorflow.folder, library.size, library.mtimeMs],
    [hashFiles(join(addonPackage, 'binding'), native), list.file],
    [compiler.name, process.platform, process.arch, cpus()[0]?.model],
  );
}

/** Compiles and links an addon under `.engine/` (unless it is there) and returns its path. */
export async function buildAddon(tensorflow, list, compiler) {
  const addon = inEngine(`addon-${addonKey(tensorflow, list, compiler)}`, 'tfjs_binding.node');
  if (existsSync(addon)) return addon;
  const build = compileAddon({
    tensorflow: tensorflow.folder,
    nodeHeaders: inRoot('node_modules', 'node-api-headers', 'include'),
    tfjsNodePackage: addonPackage,
    out: addon,
    compiler: await compiler.command(),
    units: list.file,
    signal: interruption.signal,
  });
  await withHeartbeat(build, (elapsed) => `compiling ${list.name}: ${elapsed} s`);
  return addon;
}
