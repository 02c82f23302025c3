import { before } from 'node:test';
import { openEngine } from 'gemma-3ncore/engine/open';

/** Opens the engine before the tests of a file. */
export function useEngine(): void {
  before(async () => {
    await openEngine();
  });
}
