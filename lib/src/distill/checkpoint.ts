import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolderAtomic, writeFolderAtomic } from '../files/atomic_folder.js';
import { readJsonObject, writeJson } from '../files/json.js';
import { float32Data, openSafetensors, writeSafetensors, type TensorData } from '../files/safetensors.js';
import { withRoom } from '../files/room.js';
import { utcTimestamp } from '../host/clock.js';
import { BadInput } from '../host/errors.js';
import type { StepRecord, ValidationRecord } from './events.js';
import { assignValues, valuesOf, type Values, type Variables } from './variables.js';

const stateFile = 'trainer.json';
const tensorsFile = 'trainer.safetensors';
const bestPrefix = 'best.';

/** The parameters that did best on VAL so far. */
export interface Best {
  /** Optimizer steps they had taken. */
  readonly step: number;
  /** The figure on VAL that they were chosen by. */
  readonly value: number;
  readonly values: Values;
}

/** Where a run stands; sampling and dropout follow from the plan's seed and the step. */
export interface TrainState {
  /** Optimizer steps done. */
  readonly step: number;
  readonly history: readonly StepRecord[];
  readonly validations: readonly ValidationRecord[];
  readonly best: Best | undefined;
}

const timestampPattern = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

/** The timestamped folders in a folder, the newest last. */
function timestampsIn(parent: string): string[] {
  return existsSync(parent)
    ? readdirSync(parent)
        .filter((name) => timestampPattern.test(name))
        .sort()
    : [];
}

/** A folder `<parent>/<YYYYMMDDTHHMMSSZ>` that sorts after all there are: now, or the second after the newest. */
export function newTimestampFolder(parent: string, now = Date.now()): string {
  const newest = timestampsIn(parent).at(-1);
  if (newest === undefined) return join(parent, utcTimestamp(new Date(now)));
  const after = Date.parse(newest.replace(timestampPattern, '$1-$2-$3T$4:$5:$6Z')) + 1000;
  return join(parent, utcTimestamp(new Date(Math.max(now, after))));
}

/** The folders in `parent` that hold a state to go on from, the oldest first; full models have none. */
function checkpointsIn(parent: string): string[] {
  return timestampsIn(parent)
    .map((name) => join(parent, name))
    .filter((folder) => existsSync(join(folder, stateFile)));
}

/** The newest timestamped folder in a folder. */
export function newestTimestampFolder(parent: string): string | undefined {
  const newest = timestampsIn(parent).at(-1);
  return newest === undefined ? undefined : join(parent, newest);
}

/** Whether training came to its end: what then is the newest folder holds a full model and no state to go on from. */
export function hasFullModel(parent: string): boolean {
  const newest = newestTimestampFolder(parent);
  return newest !== undefined && !existsSync(join(newest, stateFile));
}

/** Everything a checkpoint holds in numbers; the best parameters as `best.<name>`. */
async function tensorsOf(variables: Variables, best: Best | undefined): Promise<Map<string, TensorData>> {
  const tensors = new Map<string, TensorData>();
  for (const [name, values] of await valuesOf(variables)) {
    tensors.set(name, float32Data(values, variables.get(name)?.shape ?? []));
  }
  for (const [name, values] of best?.values ?? []) {
    tensors.set(bestPrefix + name, float32Data(values, variables.get(name)?.shape ?? []));
  }
  return tensors;
}

/**
 * Writes a checkpoint that is whole under its name: trainer.safetensors (variables as they lie in memory), trainer.json
 * (state, and the fingerprint of what is trained how), and what `writeModel` adds. Gives the folder.
 * @throws BadInput when it cannot be written, for want of room say; earlier checkpoints stay as they are.
 */
export async function writeCheckpoint(
  parent: string,
  variables: Variables,
  { best, ...state }: TrainState,
  fingerprint: string,
  writeModel?: (folder: string) => Promise<void>,
): Promise<string> {
  const folder = newTimestampFolder(parent);
  const fill = async (temporary: string): Promise<void> => {
    await writeSafetensors(join(temporary, tensorsFile), await tensorsOf(variables, best));
    await writeModel?.(temporary);
    const chosen = best === undefined ? null : { step: best.step, value: best.value };
    await writeJson(join(temporary, stateFile), { ...state, best: chosen, fingerprint });
  };
  await withRoom(`the checkpoint ${folder}`, () => writeFolderAtomic(folder, fill));
  return folder;
}

/** Whether a checkpoint holds the parameters that are the best so far, as they stood when they were validated. */
function isOf({ step, value }: Pick<Best, 'step' | 'value'>, folder: string): boolean {
  const own = readJsonObject(join(folder, stateFile)) as unknown as TrainState;
  return own.step === step && own.best?.step === step && own.best.value === value;
}

/**
 * Removes a run's older checkpoints: the newest `keep` stay, and the one with the best parameters. Full models stay. Call it
 * when the new one is whole; what a kill leaves of a removal is hidden and goes with the next start.
 */
export async function pruneCheckpoints(parent: string, keep: number, best: Best | undefined): Promise<void> {
  const older = checkpointsIn(parent).slice(0, -keep);
  const chosen = best && [...older].reverse().find((folder) => isOf(best, folder));
  for (const folder of older) if (folder !== chosen) await removeFolderAtomic(folder);
}

/** The newest checkpoint in a folder. */
export function latestCheckpoint(parent: string): string | undefined {
  return checkpointsIn(parent).at(-1);
}

/** Optimizer steps behind the newest checkpoint in a folder; 0 where there is none. */
export function stepsDone(parent: string): number {
  const newest = latestCheckpoint(parent);
  return newest === undefined ? 0 : Number(readJsonObject(join(newest, stateFile))['step']);
}

/**
 * Puts a checkpoint's values into the variables and gives its state.
 * @throws BadInput when the checkpoint was made from other studies, another plan or another model.
 */
export function restoreCheckpoint(folder: string, variables: Variables, fingerprint: string): TrainState {
  const where = join(folder, stateFile);
  const json = readJsonObject(where);
  if (json['fingerprint'] !== fingerprint) {
    throw new BadInput({
      where,
      expected: 'a checkpoint of the same plan, studies and trained parameters',
      got: 'one of others',
      fix: 'resume with the configuration it was made with, or start anew in another folder',
    });
  }
  const { step, history, validations, best } = json as unknown as TrainState;
  const source = openSafetensors(join(folder, tensorsFile));
  try {
    assignValues(variables, new Map(Array.from(variables.keys(), (name) => [name, source.read(name)])));
    const names = Array.from(source.names()).filter((name) => name.startsWith(bestPrefix));
    const values = new Map(names.map((name) => [name.slice(bestPrefix.length), source.read(name)]));
    return { step, history, validations, best: best ? { ...best, values } : undefined };
  } finally {
    source.close();
  }
}
