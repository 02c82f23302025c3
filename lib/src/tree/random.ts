import { createHash } from 'node:crypto';
import { unsafeUniformIntDistribution, xoroshiro128plus, type RandomGenerator } from 'pure-rand';

/** A position in a tree of random streams: the same seed and names give the same numbers, whatever else was drawn. */
export interface Key {
  readonly path: string;
}

/** The root of all randomness of a run. */
export function rootKey(seed: number): Key {
  return { path: String(seed) };
}

/** An independent stream below `key`, named by what it is for. */
export function fold(key: Key, name: string | number): Key {
  return { path: `${key.path}/${name}` };
}

/** A stream of random numbers; not shared between users. */
export class Random {
  private readonly generator: RandomGenerator;
  private spare: number | undefined;

  constructor(key: Key) {
    this.generator = xoroshiro128plus(createHash('sha256').update(key.path).digest().readInt32LE(0));
    this.generator.unsafeNext();
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    const high = this.generator.unsafeNext() >>> 5;
    const low = this.generator.unsafeNext() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** Standard normal (Box–Muller). */
  normal(): number {
    if (this.spare !== undefined) {
      const value = this.spare;
      this.spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    const angle = 2 * Math.PI * this.uniform();
    this.spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** Uniform integer in [0, n). */
  integer(n: number): number {
    return unsafeUniformIntDistribution(0, n - 1, this.generator);
  }

  /** The integers 0 … n−1 in random order (Fisher–Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = order[i] as number;
      order[i] = order[j] as number;
      order[j] = kept;
    }
    return order;
  }
}
