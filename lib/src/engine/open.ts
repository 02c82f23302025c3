import * as tf from '@tensorflow/tfjs';

/** Engines from the fastest to the one that always works (DESIGN §4). */
export type EngineName = 'tensorflow' | 'wasm' | 'cpu';

/** Environment that has to stand before the addon loads; what the user set is left alone. */
const defaults: Readonly<Record<string, string>> = {
  NVIDIA_TF32_OVERRIDE: '0',
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  TF_ENABLE_ONEDNN_OPTS: '1',
  TF_CPP_MIN_LOG_LEVEL: '2',
  TF_DETERMINISTIC_OPS: '1',
};

/** Opens the engine that computes for this process; later calls give the same one. */
export async function openEngine(): Promise<EngineName> {
  for (const [name, value] of Object.entries(defaults)) process.env[name] ??= value;
  await import('@tensorflow/tfjs-node-gpu');
  await tf.setBackend('tensorflow');
  await tf.ready();
  return 'tensorflow';
}
