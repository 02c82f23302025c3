// Fills a feature cache slowly, a line for each frame that is computed: `node fill_cache.js FRAMES` (the cache is NCORE_CACHE).
import * as tf from '@tensorflow/tfjs';
import { cacheFeatures } from 'gemma-3ncore/data/feature_cache';
import { openEngine } from 'gemma-3ncore/engine/open';

/** 9 MiB a frame, so that a shard is full every eight frames. */
const grid = 48;
const width = 1024;

async function main(frames: number): Promise<void> {
  await openEngine();
  const features = await cacheFeatures({
    title: 'Features',
    weights: 'slow',
    preprocessing: null,
    maps: [
      { layer: 'last_hidden_state', grid },
      { layer: 'last_hidden_state', grid: 1 },
    ],
    dtype: 'float32',
    frames: Array.from({ length: frames }, (_, i) => `frame ${i}`),
    batch: 1,
    images([frame]) {
      process.stdout.write(`computed ${frame}\n`);
      return tf.fill([1, 1, 1, 1], frame ?? 0);
    },
    forward: (images) => [tf.tile(images, [1, grid, grid, width]) as tf.Tensor4D, tf.tile(images, [1, 1, 1, width])],
  });
  for (const frame of [0, frames - 1]) {
    const map = features.read(1, [frame]);
    process.stdout.write(`read ${map.dataSync()[width - 1]}\n`);
    map.dispose();
  }
  features.close();
}

void main(Number(process.argv[2]));
