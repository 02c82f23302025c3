import { canTrain, openEngine, type EngineName } from './engine/open.js';
import { yieldToEvents } from './host/abort.js';
import { BadInput } from './host/errors.js';
import { startProgress } from './host/progress.js';
import { failure, type Comparison } from './verify/compare.js';
import { findCases, type GoldenCase } from './verify/find_cases.js';
import { replays, trainingKinds } from './verify/replay.js';

/** What {@link verify} found. */
export interface VerifyReport {
  readonly passed: boolean;
  readonly engine: string;
  readonly cases: readonly Comparison[];
  /** Cases of kinds that are not replayed yet, or that need gradients the engine has not. */
  readonly notReplayed: readonly string[];
}

async function replay({ kind, folder, name }: GoldenCase): Promise<Comparison[]> {
  try {
    const comparisons = (await replays[kind]?.(folder, name)) ?? [];
    return comparisons.length > 0 ? comparisons : [failure(name, 'no file to compare with')];
  } catch (error) {
    if (error instanceof BadInput) return [failure(name, error.message)];
    throw error;
  }
}

/** Whether a case can be replayed on an engine. */
function isReplayed({ kind }: GoldenCase, engine: EngineName): boolean {
  return kind in replays && (canTrain(engine) || !trainingKinds.has(kind));
}

/**
 * Replays golden cases in any of the given folders and compares with the tolerances of goldens/README.md. A case whose
 * files are damaged fails; what is not replayed is only listed.
 * @throws BadInput when a folder does not exist; Interrupted when the signal is aborted between two cases.
 */
export async function verify(dirs: readonly string[], signal?: AbortSignal): Promise<VerifyReport> {
  const found = findCases(dirs);
  const engine = await openEngine();
  const replayed = found.filter((golden) => isReplayed(golden, engine));
  const progress = startProgress('verify', replayed.length);
  const cases: Comparison[] = [];
  for (const golden of replayed) {
    await yieldToEvents(signal);
    cases.push(...(await replay(golden)));
    progress.advance(1, golden.name);
  }
  progress.end();
  return {
    passed: cases.length > 0 && cases.every(({ passed }) => passed),
    engine,
    cases,
    notReplayed: found.filter((golden) => !isReplayed(golden, engine)).map(({ name }) => name),
  };
}
