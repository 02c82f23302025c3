import { Interrupted } from './errors.js';

/**
 * A signal that SIGINT aborts (Ctrl-C in a terminal, the stop button of a notebook); `release` removes the handler.
 * It listens from the next turn of the event loop on: a listener added in the synchronous part of a tslab cell is lost,
 * and SIGINT would end the kernel.
 */
export function abortOnInterrupt(reason = new Interrupted()): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const handler = (): void => controller.abort(reason);
  const listening = setImmediate(() => process.on('SIGINT', handler));
  const release = (): void => {
    clearImmediate(listening);
    process.off('SIGINT', handler);
  };
  return { signal: controller.signal, release };
}

/** Gives the event loop a turn (a pending SIGINT is then seen), and throws {@link Interrupted} once the signal is aborted. */
export async function yieldToEvents(signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (signal?.aborted) throw signal.reason instanceof Error ? signal.reason : new Interrupted();
}
