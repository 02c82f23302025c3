import { totalmem } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { describeProcessor, findGpus } from './hardware.js';
import type { Gpu, Processor } from './hardware.js';
import { canTrain, enginesNotTaken, environmentDefaults, openEngine } from './open.js';
import type { EngineName, EngineNotTaken } from './open.js';

/** What computes, as reports show it. */
export interface EngineDescription {
  readonly engine: EngineName;
  readonly canTrain: boolean;
  /** Version of TensorFlow.js. */
  readonly tfjs: string;
  /** Version of the TensorFlow behind the native engine. */
  readonly tensorflow: string | null;
  readonly device: 'gpu' | 'cpu';
  /** GPUs of the machine, whether or not the engine uses them. */
  readonly gpus: readonly Gpu[];
  readonly processor: Processor;
  readonly memoryMB: number;
  readonly node: string;
  readonly platform: string;
  /** Whether the addon can compile graph functions. */
  readonly graphFunctions: boolean;
  /** Whether the addon brings the project's fused kernels. */
  readonly fusedKernels: boolean;
  readonly notTaken: readonly EngineNotTaken[];
  /** The variables that the engine started with. */
  readonly environment: Readonly<Record<string, string>>;
}

interface NativeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: object & { readonly TF_Version?: string };
}

/** Describes the engine (opening it if none is) and the machine it runs on. */
export async function describeEngine(): Promise<EngineDescription> {
  const engine = await openEngine();
  const native = engine === 'tensorflow' ? (tf.backend() as unknown as NativeBackend) : undefined;
  return {
    engine,
    canTrain: canTrain(engine),
    tfjs: tf.version['tfjs'],
    tensorflow: native?.binding.TF_Version ?? null,
    device: native?.isUsingGpuDevice === true ? 'gpu' : 'cpu',
    gpus: await findGpus(),
    processor: describeProcessor(),
    memoryMB: totalmem() / 1e6,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    graphFunctions: native !== undefined && 'graphRegister' in native.binding,
    fusedKernels: native !== undefined && 'nativeOps' in native.binding,
    notTaken: enginesNotTaken(),
    environment: Object.fromEntries(
      Object.keys(environmentDefaults).flatMap((name) =>
        process.env[name] === undefined ? [] : [[name, process.env[name]]],
      ),
    ) as Record<string, string>,
  };
}
