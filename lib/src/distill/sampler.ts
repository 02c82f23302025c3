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

/** EF (%) where heart failure's classes begin: mildly reduced at 41, preserved at 50 (Bozkurt et al. 2021, Eur. J. Heart Fail. 23:352–380). */
const bandStarts = [41, 50];

/** The studies of each class of EF; classes without studies are left out. */
export function bandsOf(studies: readonly number[], EFof: (study: number) => number): number[][] {
  const bandOf = (study: number): number => bandStarts.filter((start) => EFof(study) >= start).length;
  const bands = [0, ...bandStarts].map((_, band) => studies.filter((study) => bandOf(study) === band));
  return bands.filter((band) => band.length > 0);
}

/**
 * A draw in which the bands take turns, so that over the steps each gives as many studies; a band's own are drawn without
 * replacement epoch by epoch, its epochs being shorter the smaller it is. Follows from the key and the step alone.
 */
export function balancedAt(bands: readonly (readonly number[])[], count: number, step: number, key: Key): number[] {
  return Array.from({ length: count }, (_, slot) => {
    const turn = step * count + slot;
    const band = turn % bands.length;
    const pool = bands[band] as readonly number[];
    const drawn = Math.floor(turn / bands.length);
    return drawAt(pool, 1, drawn, fold(key, band))[0] as number;
  });
}

/** Which studies a step may draw. */
export interface Pools {
  readonly labelled: readonly number[];
  readonly unlabelled: readonly number[];
  /** The labelled ones by band of EF, where the bands are to be drawn alike. */
  readonly bands?: readonly (readonly number[])[];
}

/**
 * The studies of a step: `labelledShare` of the group from the labelled ones and the rest from the unlabelled ones, or,
 * without a share, from all alike. Where one kind is absent the other fills the group. Bands, where given, share the labelled
 * ones.
 */
export function groupAt(
  { labelled, unlabelled, bands }: Pools,
  size: number,
  labelledShare: number | undefined,
  step: number,
  key: Key,
): number[] {
  if (bands !== undefined && labelledShare !== undefined) {
    const balanced = unlabelled.length === 0 ? size : Math.round(size * labelledShare);
    return [
      ...balancedAt(bands, balanced, step, fold(key, 'balanced')),
      ...drawAt(unlabelled, size - balanced, step, fold(key, 'unlabelled')),
    ];
  }
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
