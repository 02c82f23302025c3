import { it, type TestContext } from 'node:test';
import { hasGraphFunctions } from 'gemma-3ncore/engine/native_op';

/** A test that needs graph functions; where the engine has none it is skipped, saying so. */
export function itCompiles(name: string, test: () => void | Promise<void>): void {
  it(name, async (context: TestContext) => {
    if (!hasGraphFunctions()) return context.skip('this engine has no graph functions');
    await test();
  });
}
