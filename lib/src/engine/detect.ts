import type { EngineName } from './open.js';

/** How an engine can be had, from the fastest to the one that always works (DESIGN §4). */
export type EngineRoute = 'tensorflow-gpu' | 'tensorflow-cpu' | 'prebuilt' | 'wasm' | 'cpu';

/** A TensorFlow whose libraries and headers are on the machine. */
export interface InstalledTensorFlow {
  readonly version: string;
  /** Built with CUDA; undefined where the folder does not tell. */
  readonly cuda: boolean | undefined;
}

/** What the choice of an engine depends on. */
export interface HostDescription {
  /** As Node.js names them: `linux`, `darwin`, `win32`; `x64`, `arm64`. */
  readonly platform: string;
  readonly arch: string;
  /** E.g. `20.19.0`. */
  readonly node: string;
  /** The Python >= 3.10 that was found, as a version. */
  readonly python: string | undefined;
  /** The C++ compiler that was found, e.g. `g++`. */
  readonly compiler: string | undefined;
  readonly tensorflow: InstalledTensorFlow | undefined;
  /** The NVIDIA GPU's name. */
  readonly gpu: string | undefined;
}

/** One route with the verdict on it. */
export interface EngineChoice {
  readonly route: EngineRoute;
  readonly engine: EngineName;
  /** False where something is missing on this host. */
  readonly possible: boolean;
  /** Why it is possible or what is missing, as a clause. */
  readonly reason: string;
}

/** The oldest Node.js that the packages run on. */
export const oldestNode = '20.19.0';

const wheels: ReadonlySet<string> = new Set(['linux x64', 'linux arm64', 'darwin arm64']);
const prebuilt: ReadonlySet<string> = new Set(['linux x64', 'darwin x64', 'win32 x64']);

/** Every route in the order of preference with the reason for or against it; pure, so that hosts can be described for tests. */
export function detectEngines(host: HostDescription): EngineChoice[] {
  const old =
    compareVersions(host.node, oldestNode) < 0 ? `Node.js ${host.node} is older than ${oldestNode}` : undefined;
  const verdicts: [EngineRoute, EngineName, string | undefined, string][] = [
    ['tensorflow-gpu', 'tensorflow', missingForGpu(host), `${host.gpu ?? ''} with ${sourceOf(host)}`],
    ['tensorflow-cpu', 'tensorflow', missingForNative(host), `${sourceOf(host)}, compiled by ${compilerOf(host)}`],
    ['prebuilt', 'tensorflow', missingForPrebuilt(host), 'the download of the package (TensorFlow 2.9)'],
    ['wasm', 'wasm', undefined, 'WebAssembly: forward passes only'],
    ['cpu', 'cpu', undefined, 'plain JavaScript: slow, for the preset tiny'],
  ];
  return verdicts.map(([route, engine, missing, reason]) => ({
    route,
    engine,
    possible: (old ?? missing) === undefined,
    reason: old ?? missing ?? reason,
  }));
}

function sourceOf(host: HostDescription): string {
  return host.tensorflow === undefined ? "PyPI's TensorFlow" : `the installed TensorFlow ${host.tensorflow.version}`;
}

function compilerOf(host: HostDescription): string {
  return host.compiler ?? "PyPI's ziglang";
}

function missingForNative(host: HostDescription): string | undefined {
  if (host.platform === 'win32') return 'the addon is not compiled on Windows';
  if (host.compiler === undefined && host.python === undefined) {
    return 'there is neither a C++ compiler nor a Python to bring one';
  }
  if (host.tensorflow !== undefined) return undefined;
  if (host.python === undefined) return 'there is no installed TensorFlow and no Python to download one';
  const machine = `${host.platform} ${host.arch}`;
  return wheels.has(machine) ? undefined : `PyPI has no TensorFlow for ${machine}`;
}

function missingForGpu(host: HostDescription): string | undefined {
  if (host.gpu === undefined) return 'no NVIDIA GPU was found';
  if (host.platform !== 'linux') return `TensorFlow has no CUDA for ${host.platform}`;
  if (host.tensorflow?.cuda === false)
    return `the installed TensorFlow ${host.tensorflow.version} is built without CUDA`;
  if (host.tensorflow === undefined && host.arch !== 'x64') return `PyPI has no TensorFlow with CUDA for ${host.arch}`;
  return missingForNative(host);
}

function missingForPrebuilt(host: HostDescription): string | undefined {
  const machine = `${host.platform} ${host.arch}`;
  return prebuilt.has(machine) ? undefined : `the package has no prebuilt addon for ${machine}`;
}

function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  const at = [0, 1, 2].find((i) => (left[i] ?? 0) !== (right[i] ?? 0));
  return at === undefined ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}
