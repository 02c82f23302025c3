import { Interrupted } from './errors.js';

/** A signal that SIGINT aborts (Ctrl-C in a terminal, the stop button of a notebook); `release` removes the handler. */
export function abortOnInterrupt(): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const handler = (): void => controller.abort(new Interrupted());
  process.on('SIGINT', handler);
  return { signal: controller.signal, release: () => void process.off('SIGINT', handler) };
}

/** Gives the event loop a turn (a pending SIGINT is then seen), and throws {@link Interrupted} once the signal is aborted. */
export async function yieldToEvents(signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
  if (signal?.aborted) throw signal.reason instanceof Error ? signal.reason : new Interrupted();
}
