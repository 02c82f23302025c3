// Compiles tfjs-node's addon with graph functions and fused kernels (sources.json lists the units and their flags; plain.json those of the package alone).
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const run = promisify(execFile);

/** Runs a compiler command; an error carries what it printed. */
async function compile([command, ...first], args, signal) {
  try {
    await run(command, [...first, ...args], { maxBuffer: 1 << 26, signal });
  } catch (error) {
    const printed = String(error.stderr ?? '').trim();
    throw new Error(`${basename(command)} failed on ${args.at(-1)}${printed === '' ? '' : `:\n${printed}`}`, {
      cause: error,
    });
  }
}

/** The compile units as `{ source, flags }`. */
function units({ package: packaged, sources, flags, tuned }, tfjsNodePackage) {
  const processor = tuned.processor[process.arch];
  const tunedFlags = [...flags, ...tuned.flags, ...(processor === undefined ? [] : [processor])];
  return [
    ...tuned.sources.map((name) => ({ source: join(here, name), flags: tunedFlags })),
    ...packaged.map((name) => ({ source: join(tfjsNodePackage, name), flags })),
    ...sources.map((name) => ({ source: join(here, name), flags })),
  ];
}

/** Links by the plain name `lib<name>.so`, which the Python package ships only with its version number. */
function libraryFolder(libraries, tensorflow, scratch) {
  const suffix = process.platform === 'darwin' ? 'dylib' : 'so';
  for (const name of libraries) {
    const plain = `lib${name}.${suffix}`;
    const files = readdirSync(tensorflow).filter((file) => file.startsWith(`lib${name}.`) && file.includes(suffix));
    const found = files.find((file) => file === plain) ?? files.sort()[0];
    if (found === undefined) throw new Error(`${tensorflow}: expected ${plain} or a versioned name of it, got none`);
    symlinkSync(join(tensorflow, found), join(scratch, plain));
  }
  return scratch;
}

/**
 * Builds the addon; `out` appears only when it is whole, as a new file (an old one that is linked elsewhere stays as it is).
 * @param {object} options
 * @param {string} options.tensorflow folder of the Python package `tensorflow` (`include/`, `libtensorflow_cc.so.2`)
 * @param {string} options.nodeHeaders folder of node_api.h
 * @param {string} options.tfjsNodePackage folder of `@tensorflow/tfjs-node-gpu`
 * @param {string} options.out path of the tfjs_binding.node to write
 * @param {string[]} options.compiler a C++17 compiler's command, e.g. `['g++']` or `['python3', '-m', 'ziglang', 'c++']`
 * @param {string} [options.units] the list of compile units: sources.json, or plain.json for the package's own sources alone
 * @param {AbortSignal} [options.signal]
 */
export async function buildAddon({
  tensorflow,
  nodeHeaders,
  tfjsNodePackage,
  out,
  compiler,
  units: list = 'sources.json',
  signal,
}) {
  const manifest = JSON.parse(readFileSync(join(here, list), 'utf8'));
  const scratch = mkdtempSync(join(tmpdir(), 'ncore-addon-'));
  try {
    const includes = [here, join(tfjsNodePackage, 'binding'), join(tensorflow, 'include'), nodeHeaders].map(
      (folder) => `-I${folder}`,
    );
    const defines = manifest.defines.map((define) => `-D${define}`);
    const waiting = units(manifest, tfjsNodePackage);
    const objects = waiting.map(({ source }) => join(scratch, `${basename(source, '.cc')}.o`));
    const compileNext = async () => {
      for (let unit = waiting.pop(); unit !== undefined; unit = waiting.pop()) {
        const object = join(scratch, `${basename(unit.source, '.cc')}.o`);
        await compile(compiler, [...unit.flags, ...defines, ...includes, '-o', object, '-c', unit.source], signal);
      }
    };
    await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, compileNext));
    mkdirSync(dirname(out), { recursive: true });
    const fresh = `${out}.${process.pid}.new`;
    const undefinedSymbols = process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : [];
    const libraries = manifest.libraries.map((name) => `-l${name}`);
    const search = [`-L${libraryFolder(manifest.libraries, tensorflow, scratch)}`, `-Wl,-rpath,${tensorflow}`];
    await compile(compiler, ['-shared', ...undefinedSymbols, ...objects, ...search, ...libraries, '-o', fresh], signal);
    renameSync(fresh, out);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
