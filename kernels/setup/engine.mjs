// The engine step: the best addon that this host can have, in the order of DESIGN §4.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { buildAddon, findCompilers, unitLists, ziglang } from './addon.mjs';
import { findProgram, gistOf, runCommand } from './command.mjs';
import { SetupFailure } from './failure.mjs';
import { addonPackage, inRoot, installedAddon } from './project.mjs';
import { findPython } from './python.mjs';
import { hashFiles, hashOf } from './stamp.mjs';
import { downloadedTensorFlow, installedTensorFlow } from './tensorflow.mjs';

const prebuiltSecondsAllowed = 180;

/** The native addon, compiled against TensorFlow and copied to where the package looks for it. */
export const engine = {
  name: 'engine',
  stamp: `${installedAddon}.json`,
  inputs: () =>
    hashOf(
      hashFiles(
        inRoot('lib', 'native'),
        inRoot('kernels', 'setup'),
        inRoot('kernels', 'locks'),
        `${addonPackage}/package.json`,
      ),
      ['NCORE_TENSORFLOW', 'NCORE_PYTHON', 'NCORE_CXX', 'CXX', 'PATH'].map((name) => process.env[name] ?? ''),
      [cpus()[0]?.model, existsSync('/dev/nvidiactl'), findProgram('nvidia-smi') ?? '', inRoot()],
    ),
  present: (result) => result.engine !== 'tensorflow' || (existsSync(installedAddon) && existsSync(result.tensorflow)),
  async run() {
    const host = describeHost();
    const choices = detector()(host.description);
    const rejected = [];
    for (const choice of choices) {
      if (!choice.possible) {
        rejected.push({ route: choice.route, reason: choice.reason });
        continue;
      }
      process.stderr.write(`    ${choice.route}: ${choice.reason}\n`);
      try {
        return outcome(choice, await take(choice.route, host, rejected), host, rejected);
      } catch (error) {
        rejected.push({ route: choice.route, reason: gistOf(error.message) });
      }
    }
    throw new SetupFailure(
      'no engine can be had',
      rejected.map(({ route, reason }) => `${route}: ${reason}`).join('; '),
    );
  },
};

/** The library's choice, which the step before this one compiled. */
function detector() {
  return createRequire(import.meta.url)(inRoot('lib', 'dist', 'engine', 'detect.js')).detectEngines;
}

function describeHost() {
  const python = findPython();
  const tensorflow = installedTensorFlow(python);
  const compilers = findCompilers();
  return {
    tensorflow,
    compilers: python === undefined ? compilers : [...compilers, ziglang],
    description: {
      platform: process.platform,
      arch: process.arch,
      node: process.versions.node,
      python: python?.version.join('.'),
      compiler: compilers[0]?.name,
      tensorflow,
      gpu: gpuName(),
    },
  };
}

function gpuName() {
  try {
    const args = ['--query-gpu=name', '--format=csv,noheader'];
    const names = execFileSync('nvidia-smi', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 10_000,
    });
    return names.split('\n')[0].trim() || undefined;
  } catch {
    return undefined;
  }
}

function take(route, host, rejected) {
  if (route === 'tensorflow-gpu') return compileForGpu(host, rejected);
  if (route === 'tensorflow-cpu') return compileNative(host, false, rejected);
  if (route === 'prebuilt') return installPrebuilt();
  rmSync(installedAddon, { force: true });
  return probe(route);
}

async function compileForGpu(host, rejected) {
  const found = await compileNative(host, true, rejected);
  if (found.device === 'gpu') return found;
  throw new Error(
    'TensorFlow does not see the GPU: its CUDA libraries are missing (pip install "tensorflow[and-cuda]")',
  );
}

/** Against the TensorFlow of the machine; where that does not serve (it is too old, say), against a downloaded one. */
async function compileNative(host, gpu, rejected) {
  if (host.tensorflow !== undefined) {
    try {
      return await compileAgainst(host.tensorflow, host.compilers, rejected);
    } catch (error) {
      if (host.description.python === undefined) throw error;
    }
  }
  return compileAgainst(await downloadedTensorFlow({ gpu }), host.compilers, rejected);
}

/** Tries with every compiler the addon with graph functions, then the plain one. */
async function compileAgainst(tensorflow, compilers, rejected) {
  let last;
  for (const compiler of compilers) {
    for (const list of unitLists) {
      try {
        install(await buildAddon(tensorflow, list, compiler));
        const description = await probe('tensorflow');
        return { ...description, addon: list.name, compiler: compiler.name, tensorflowAt: tensorflow };
      } catch (error) {
        last = error;
        rejected.push({ route: `${list.name} by ${compiler.name}`, reason: gistOf(error.message) });
      }
    }
  }
  throw last;
}

function install(addon) {
  mkdirSync(dirname(installedAddon), { recursive: true });
  const temporary = `${installedAddon}.new`;
  copyFileSync(addon, temporary);
  renameSync(temporary, installedAddon);
}

async function installPrebuilt() {
  rmSync(installedAddon, { force: true });
  await runCommand(process.execPath, ['scripts/install.js', process.platform === 'linux' ? 'gpu' : 'cpu', 'download'], {
    cwd: addonPackage,
    seconds: prebuiltSecondsAllowed,
  });
  return { ...(await probe('tensorflow')), addon: 'prebuilt', compiler: null, tensorflowAt: undefined };
}

/** Opens the engine in a process of its own and multiplies two matrices; resolves to the library's description of it. */
async function probe(name) {
  const code = `
    const { describeEngine } = require('./lib/dist/engine/describe.js');
    const tf = require('@tensorflow/tfjs');
    describeEngine().then((description) => {
      const [sum] = tf.matMul(tf.ones([1, 3]), tf.ones([3, 1])).dataSync();
      if (sum !== 3) throw new Error('a product of ones gave ' + sum);
      process.stdout.write(JSON.stringify(description));
    });`;
  const env = { NCORE_ENGINE: name };
  return JSON.parse(await runCommand(process.execPath, ['-e', code], { cwd: inRoot(), env, seconds: 120 }));
}

function outcome(choice, found, host, rejected) {
  const at = found.tensorflowAt;
  const version =
    found.tensorflow === null ? '' : ` ${found.tensorflow} (${at?.origin ?? 'prebuilt'}), ${found.device}`;
  const better = rejected.filter(({ route }) => route !== 'tensorflow-gpu' || host.description.gpu !== undefined);
  return {
    detail: `${choice.engine}${version}${found.addon === undefined ? '' : `, ${found.addon}`}`,
    warning: better.length === 0 ? undefined : better.map(({ route, reason }) => `${route}: ${reason}`).join('; '),
    result: {
      engine: choice.engine,
      route: choice.route,
      tensorflow: at?.folder ?? addonPackage,
      tensorflowVersion: found.tensorflow,
      tensorflowOrigin: at?.origin ?? null,
      device: found.device,
      addon: found.addon ?? null,
      compiler: found.compiler ?? null,
      rejected,
    },
  };
}
