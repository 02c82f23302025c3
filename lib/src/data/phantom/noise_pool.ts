import { fold, Random, rootKey } from '../../tree/random.js';

const BITS = 18;

/** Takes an index into the pool from any whole number. */
export const POOL_MASK = (1 << BITS) - 1;

/** Numbers in a row where the pool is read as a plane. */
export const POOL_ROW = 512;

let pool: Float32Array | undefined;

/** A fixed pool of standard normal numbers, read from many places: drawing them anew for every pixel would take longer than the picture. */
export function noisePool(): Float32Array {
  if (pool === undefined) {
    const random = new Random(fold(rootKey(0), 'noise pool'));
    pool = Float32Array.from({ length: 1 << BITS }, () => random.normal());
  }
  return pool;
}
