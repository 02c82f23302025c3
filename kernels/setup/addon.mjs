// Compiles tfjs-node's native addon, each source to an object of its own, and links it with TensorFlow.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { basename, join } from 'node:path';
import { findProgram, runCommand } from './command.mjs';
import { pipCommand, findPython } from './python.mjs';
import { addonPackage, inEngine, inRoot } from './project.mjs';
import { hashFiles, hashOf } from './stamp.mjs';

const native = inRoot('lib', 'native');

/** The package's own sources, without the project's graph functions and fused kernels. */
export const plainSources = {
  name: "the package's own sources",
  files: [
    { path: join(addonPackage, 'binding', 'tfjs_backend.cc'), flags: [] },
    { path: join(addonPackage, 'binding', 'tfjs_binding.cc'), flags: [] },
    { path: join(native, 'allocator.cc'), flags: [] },
  ],
};

/** The package's sources with the project's (lib/native/sources.json); undefined where there are none. */
export function extendedSources() {
  const list = join(native, 'sources.json');
  if (!existsSync(list)) return undefined;
  const { replaces = [], sources } = JSON.parse(readFileSync(list, 'utf8'));
  const kept = plainSources.files.filter(({ path }) => !replaces.includes(basename(path)));
  const own = sources.map(({ file, flags = [] }) => ({ path: join(native, file), flags }));
  return { name: 'graph functions and fused kernels', files: [...kept, ...own] };
}

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
export function addonKey(tensorflow, sources, compiler) {
  const library = statSync(join(tensorflow.folder, tensorflow.libraries[0]));
  const paths = sources.files.map(({ path }) => path);
  return hashOf(
    [tensorflow.folder, library.size, library.mtimeMs],
    [hashFiles(...paths, native, inRoot('kernels', 'setup', 'addon.mjs')), sources.files.map(({ flags }) => flags)],
    compiler.name,
    [process.platform, process.arch, cpus()[0]?.model],
  );
}

/** Compiles and links an addon under `.engine/` (unless it is there) and returns its path. */
export async function buildAddon(tensorflow, sources, compiler) {
  const folder = inEngine(`addon-${addonKey(tensorflow, sources, compiler)}`);
  const addon = join(folder, 'tfjs_binding.node');
  if (existsSync(addon)) return addon;
  const work = inEngine('tmp', basename(folder));
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const command = await compiler.command();
  const objects = await Promise.all(sources.files.map((source) => compile(command, tensorflow, source, work)));
  await link(command, tensorflow, objects, join(work, 'tfjs_binding.node'));
  rmSync(folder, { recursive: true, force: true });
  renameSync(work, folder);
  return addon;
}

async function compile([program, ...prefix], tensorflow, { path, flags }, work) {
  const object = join(work, `${basename(path)}.o`);
  const defines = [
    'NAPI_VERSION=8',
    'NODE_GYP_MODULE_NAME=tfjs_binding',
    'BUILDING_NODE_EXTENSION',
    'EIGEN_MAX_ALIGN_BYTES=64',
    '_GLIBCXX_USE_CXX11_ABI=1',
  ];
  const includes = [
    inRoot('node_modules', 'node-api-headers', 'include'),
    join(tensorflow.folder, 'include'),
    join(addonPackage, 'binding'),
    addonPackage,
    join(addonPackage, '..'),
  ];
  await runCommand(program, [
    ...prefix,
    ...['-w', '-O2', '-std=c++17', '-fPIC', '-c', path, '-o', object],
    ...flags,
    ...defines.map((name) => `-D${name}`),
    ...includes.map((folder) => `-I${folder}`),
  ]);
  return object;
}

async function link([program, ...prefix], tensorflow, objects, addon) {
  const undefinedSymbols = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
  const libraries = tensorflow.libraries.map((name) => join(tensorflow.folder, name));
  await runCommand(program, [
    ...prefix,
    ...['-shared', '-fPIC', ...undefinedSymbols, '-o', addon],
    ...objects,
    ...libraries,
    `-Wl,-rpath,${tensorflow.folder}`,
  ]);
}
