import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { BadInput, messageOf } from '../host/errors.js';

/** Engines from the fastest to the one that always works (DESIGN §4). */
export type EngineName = 'tensorflow' | 'wasm' | 'cpu';

/** An engine that was tried before the one that was taken, and what it said. */
export interface EngineNotTaken {
  readonly engine: EngineName;
  readonly reason: string;
}

/** Variables that TensorFlow reads when it loads, with what the library sets where the user has set nothing. */
export const environmentDefaults: Readonly<Record<string, string>> = {
  // The full precision of float32 on GPUs.
  NVIDIA_TF32_OVERRIDE: '0',
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  // Off by default on AMD processors, where it is as fast as elsewhere.
  TF_ENABLE_ONEDNN_OPTS: '1',
  TF_CPP_MIN_LOG_LEVEL: '2',
  TF_DETERMINISTIC_OPS: '1',
};

const fastestFirst: readonly EngineName[] = ['tensorflow', 'wasm', 'cpu'];
const failures: EngineNotTaken[] = [];
let opened: Promise<EngineName> | undefined;

/**
 * Opens the engine that computes for this process; later calls give the same one.
 * `prefer` (or the variable `NCORE_ENGINE`, which admits no other) is tried first, then the fastest that opens.
 * Throws {@link BadInput} where `NCORE_ENGINE` names an engine that is unknown or does not open.
 */
export function openEngine(options: { readonly prefer?: EngineName } = {}): Promise<EngineName> {
  opened ??= openFirst(enginesToTry(process.env['NCORE_ENGINE'], options.prefer));
  return opened;
}

/** Why engines that would have come before the opened one were not taken. */
export function enginesNotTaken(): readonly EngineNotTaken[] {
  return failures;
}

/** Whether the engine has every gradient that training needs (wasm has none for convolution filters). */
export function canTrain(engine: EngineName): boolean {
  return engine !== 'wasm';
}

function enginesToTry(forced: string | undefined, prefer: EngineName | undefined): EngineName[] {
  if (forced !== undefined && forced !== '') {
    const engine = fastestFirst.find((name) => name === forced);
    if (engine !== undefined) return [engine];
    throw new BadInput({ where: 'NCORE_ENGINE', expected: fastestFirst.join(', '), got: forced });
  }
  return prefer === undefined ? [...fastestFirst] : [prefer, ...fastestFirst.filter((name) => name !== prefer)];
}

async function openFirst(engines: readonly EngineName[]): Promise<EngineName> {
  for (const [name, value] of Object.entries(environmentDefaults)) process.env[name] ??= value;
  for (const engine of engines) {
    try {
      await open(engine);
      return engine;
    } catch (error) {
      failures.push({ engine, reason: firstLine(messageOf(error)) });
    }
  }
  const reasons = failures.map(({ engine, reason }) => `${engine} (${reason})`).join(', ');
  throw new BadInput({
    where: 'the engine',
    expected: 'one that opens',
    got: reasons,
    fix: 'run `node kernels/setup.mjs --only engine`',
  });
}

async function open(engine: EngineName): Promise<void> {
  if (engine === 'tensorflow') await loadAddon();
  if (engine === 'wasm') await loadWasm();
  if (!(await tf.setBackend(engine))) throw new Error(`the backend ${engine} did not initialise`);
  await tf.ready();
}

/** The package calls two functions of `util` that Node.js 23 removed. */
async function loadAddon(): Promise<void> {
  const util = createRequire(__filename)('node:util') as Record<string, unknown>;
  util['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  util['isArray'] ??= Array.isArray;
  await import('@tensorflow/tfjs-node-gpu');
}

async function loadWasm(): Promise<void> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(dirname(createRequire(__filename).resolve('@tensorflow/tfjs-backend-wasm')) + sep);
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').trim();
}
