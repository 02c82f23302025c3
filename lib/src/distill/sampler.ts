import { fold, Random, type Key } from '../tree/random.js';

/**
 * Some studies in a random order, drawn without replacement epoch by epoch; the last draw of an epoch is what is left. What
 * step s draws follows from the key and s alone, so that a resumed run draws what it would have drawn.
 */
export function drawAt(pool: readonly number[], count: number, step: number, key: Key): number[] {
  if (pool.length === 0 || count === 0) return [];
  const drawsPerEpoch = Math.ceil(pool.length / count);
  const order = new Random(fold(key, Math.floor(step / drawsPerEpoch))).permutation(pool.length);
  const begin = (step % drawsPerEpoch) * count;
  return Array.from(order.subarray(begin, begin + count), (i) => pool[i] as number);
}

/** Which studies a step may draw. */
export interface Pools {
  readonly labelled: readonly number[];
  readonly unlabelled: readonly number[];
}

/**
 * The studies of a step: `labelledShare` of the group from the labelled ones and the rest from the unlabelled ones, or,
 * without a share, from all alike. Where one kind is absent the other fills the group.
 */
export function groupAt(
  { labelled, unlabelled }: Pools,
  size: number,
  labelledShare: number | undefined,
  step: number,
  key: Key,
): number[] {
  if (labelledShare === undefined || unlabelled.length === 0 || labelled.length === 0) {
    return drawAt([...labelled, ...unlabelled], size, step, fold(key, 'all'));
  }
  const fromLabelled = Math.round(size * labelledShare);
  return [
    ...drawAt(labelled, fromLabelled, step, fold(key, 'labelled')),
    ...drawAt(unlabelled, size - fromLabelled, step, fold(key, 'unlabelled')),
  ];
}

/** A dropout seed (two int32) that follows from the key alone. */
export function seedOf(key: Key): [number, number] {
  const random = new Random(key);
  return [random.integer(2 ** 31 - 1), random.integer(2 ** 31 - 1)];
}
