import type { FramePool } from './frame_pool.js';
import type { Extraction } from './frames.js';
import type { Study } from './study.js';

/** Studies that are decoded or wait to be, beside the one that is asked for: enough that no thread ever waits. */
const aheadAThread = 4;

/**
 * The frames of many studies in their order, whatever the number of threads; a few are decoded before they are asked for. A
 * study that cannot be decoded comes with its reason and does not stop the rest.
 */
export async function* extractEach(
  pool: FramePool,
  studies: Iterable<Study>,
  signal?: AbortSignal,
): AsyncGenerator<Extraction> {
  const ahead = Math.max(1, pool.threads) * aheadAThread;
  const waiting: Promise<Extraction>[] = [];
  for (const study of studies) {
    signal?.throwIfAborted();
    const next = pool.extract(study);
    // Where the walk ends early nobody asks for these.
    next.catch(() => undefined);
    waiting.push(next);
    if (waiting.length > ahead) yield (await waiting.shift()) as Extraction;
  }
  for (const next of waiting) {
    signal?.throwIfAborted();
    yield await next;
  }
}
