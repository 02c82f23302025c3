import { join } from 'node:path';
import { writeJson } from './json.js';
import { byteLengthOf, writeSafetensors, type Writable } from './safetensors.js';

/** Bytes of tensors in one file of a checkpoint. */
const largestShard = 5e9;

/** The tensors in their order, cut where a file would get larger than `limit`; a tensor is never cut. */
function shardsOf(tensors: ReadonlyMap<string, Writable>, limit: number): Map<string, Writable>[] {
  const shards: Map<string, Writable>[] = [];
  let room = 0;
  for (const [name, tensor] of tensors) {
    const bytes = byteLengthOf(tensor);
    if (shards.length === 0 || bytes > room) {
      shards.push(new Map());
      room = limit;
    }
    shards.at(-1)?.set(name, tensor);
    room -= bytes;
  }
  return shards;
}

function shardName(i: number, count: number): string {
  const five = (n: number): string => String(n).padStart(5, '0');
  return `model-${five(i + 1)}-of-${five(count)}.safetensors`;
}

/**
 * Writes a checkpoint into a folder as transformers does: `model.safetensors`, or where that would be larger than
 * `shardBytes` several files and `model.safetensors.index.json`. Gives the names of the files with tensors.
 * @throws BadInput when a file cannot be written.
 */
export async function writeCheckpoint(
  folder: string,
  tensors: ReadonlyMap<string, Writable>,
  metadata: Readonly<Record<string, string>> = {},
  shardBytes = largestShard,
): Promise<string[]> {
  const shards = shardsOf(tensors, shardBytes);
  const names = shards.map((_, i) => (shards.length === 1 ? 'model.safetensors' : shardName(i, shards.length)));
  for (const [i, shard] of shards.entries()) {
    await writeSafetensors(join(folder, names[i] as string), shard, metadata);
  }
  if (shards.length > 1) {
    const total_size = [...tensors.values()].reduce((sum, tensor) => sum + byteLengthOf(tensor), 0);
    const files = shards.flatMap((shard, i) => [...shard.keys()].map((name) => [name, names[i]] as const));
    const weight_map = Object.fromEntries(files.sort(([a], [b]) => (a < b ? -1 : 1)));
    await writeJson(join(folder, 'model.safetensors.index.json'), { metadata: { total_size }, weight_map });
  }
  return names;
}
