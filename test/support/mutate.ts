import type { Random } from 'gemma-3ncore/tree/random';

const extremes = [0, 1, 7, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];

/** A copy of the bytes with one to four random faults: changed bytes and lengths, parts cut out, doubled or cut off. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let mutated = Buffer.from(bytes);
  for (let faults = 1 + random.integer(4); faults > 0 && mutated.length > 8; faults--) {
    const at = random.integer(mutated.length - 4);
    const end = Math.min(mutated.length, at + 1 + random.integer(200));
    switch (random.integer(6)) {
      case 0:
        mutated[at] = random.integer(256);
        break;
      case 1:
        mutated.writeUInt32LE(extremes[random.integer(extremes.length)]!, at);
        break;
      case 2:
        // Headers stand at the start.
        mutated.writeUInt32LE(extremes[random.integer(extremes.length)]!, Math.min(at % 320, mutated.length - 4));
        break;
      case 3:
        mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(end)]);
        break;
      case 4:
        mutated = Buffer.concat([mutated.subarray(0, end), mutated.subarray(at)]);
        break;
      default:
        mutated = mutated.subarray(0, at);
    }
  }
  return mutated;
}
