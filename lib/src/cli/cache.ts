import { basename } from 'node:path';
import { Command } from 'commander';
import { cacheCap, cachedMaps, parseGigabytes, pruneMaps, type CachedMap } from '../data/feature_cache_maps.js';
import { BadInput } from '../host/errors.js';
import { cachePath } from '../host/places.js';
import { printable } from '../host/text.js';
import { formatNumber } from '../report/numbers.js';
import { textTable } from './text_table.js';

interface CacheOptions {
  readonly prune?: boolean;
  readonly gb?: number;
  readonly json?: boolean;
}

const megabytes = (bytes: number): string => formatNumber(bytes / 1e6, 1);

function rowOf({ folder, layer, grid, bytes, lastUsed, inUse }: CachedMap): string[] {
  const place = layer === undefined ? '–' : printable(layer, 60);
  return [
    basename(folder),
    place,
    grid === null ? 'whole' : String(grid ?? '–'),
    megabytes(bytes),
    lastUsed.toISOString(),
    inUse ? 'yes' : 'no',
  ];
}

function toText(maps: readonly CachedMap[], removed: readonly CachedMap[], cap: number | undefined): string {
  const sum = (of: readonly CachedMap[]): number => of.reduce((total, { bytes }) => total + bytes, 0);
  const limit = cap === undefined ? 'no cap (NCORE_CACHE_GB)' : `at most ${megabytes(cap)} MB`;
  const lines = [`${printable(cachePath('features'), 200)}: ${maps.length} maps, ${megabytes(sum(maps))} MB; ${limit}`];
  if (removed.length > 0) lines.push(`removed ${removed.length} maps, ${megabytes(sum(removed))} MB`);
  if (maps.length > 0) {
    lines.push('', textTable([['map', 'layer', 'grid', 'MB', 'last used', 'in use'], ...maps.map(rowOf)]));
  }
  return lines.join('\n');
}

function toJson(maps: readonly CachedMap[], removed: readonly CachedMap[], cap: number | undefined): string {
  return JSON.stringify({ folder: cachePath('features'), cap_bytes: cap ?? null, maps, removed }, null, 2);
}

async function cache({ prune, gb, json }: CacheOptions): Promise<void> {
  const cap = gb ?? cacheCap();
  if (prune === true && cap === undefined) {
    const fix = 'give --gb N (0 removes all that no run is using) or set NCORE_CACHE_GB';
    throw new BadInput({ where: '--prune', expected: 'a size to prune to', got: 'none', fix });
  }
  const removed = prune === true && cap !== undefined ? await pruneMaps(cap) : [];
  const show = json === true ? toJson : toText;
  process.stdout.write(`${show(cachedMaps(), removed, cap)}\n`);
}

/** `3ncore cache [--prune] [--gb N] [--json]`: the cached features of the teacher and of the student's frozen blocks, the least recently used first. */
export function cacheCommand(): Command {
  return new Command('cache')
    .description("show or prune the cached features of the teacher and of the student's frozen blocks")
    .option('--prune', 'remove maps, the least recently used first, until the cache is small enough')
    .option('--gb <n>', 'how large it may be (default NCORE_CACHE_GB)', (text: string) => parseGigabytes(text, '--gb'))
    .option('--json', 'print one JSON document')
    .action(cache);
}
