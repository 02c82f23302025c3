import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileError, writeFileAtomic } from '../files/atomic.js';
import { removeFolderAtomic, removeUnfinished } from '../files/atomic_folder.js';
import { readJsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';
import { cachePath } from '../host/places.js';

/** What the features of one folder are of; another of any of these is another folder. */
export interface MapIdentity {
  readonly weights: string;
  readonly preprocessing: unknown;
  readonly layer: string;
  /** Null: not pooled. */
  readonly grid: number | null;
  readonly dtype: string;
}

/** A map in the cache. */
export interface CachedMap {
  readonly folder: string;
  /** Undefined where its `map.json` is missing or broken. */
  readonly layer: string | undefined;
  /** Null: not pooled. */
  readonly grid: number | null | undefined;
  readonly bytes: number;
  readonly lastUsed: Date;
  readonly inUse: boolean;
}

const featuresFolder = (): string => cachePath('features');
const leaseFolder = (): string => join(featuresFolder(), '.in_use');
const identityFile = 'map.json';
const readOnly = new Set(['EROFS', 'EACCES', 'EPERM']);

/** The folder of one map of one model. */
export function mapFolder({ weights, preprocessing, layer, grid, dtype }: MapIdentity): string {
  const identity = JSON.stringify({ weights, preprocessing, layer, grid, dtype });
  return join(featuresFolder(), createHash('sha256').update(identity).digest('hex').slice(0, 32));
}

/** Makes a map's folder with the file that says what is in it. @throws BadInput when it cannot be written to. */
export async function makeMapFolder(identity: MapIdentity): Promise<string> {
  const folder = mapFolder(identity);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw fileError(error, folder, 'a cache to write to');
  }
  const file = join(folder, identityFile);
  if (!existsSync(file)) await writeFileAtomic(file, `${JSON.stringify(identity)}\n`);
  return folder;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** The maps that running processes hold, by their folders' names; what killed ones left is removed. */
function heldMaps(): Set<string> {
  const held = new Set<string>();
  const parent = leaseFolder();
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    if (isAlive(Number(name.split('.', 1)[0]))) {
      for (const folder of readFileSync(join(parent, name), 'utf8').split('\n')) held.add(folder);
    } else {
      rmSync(join(parent, name), { force: true });
    }
  }
  return held;
}

/**
 * Says that maps are in use and when; the result ends that. A cache that may only be read is left as it is.
 * @throws BadInput when the cache is no folder or the disk is full.
 */
export function holdMaps(folders: readonly string[]): () => void {
  const parent = leaseFolder();
  const lease = join(parent, `${process.pid}.${randomUUID()}`);
  try {
    mkdirSync(parent, { recursive: true });
    writeFileSync(lease, folders.map((folder) => basename(folder)).join('\n'));
    const now = new Date();
    for (const folder of folders) if (existsSync(folder)) utimesSync(folder, now, now);
  } catch (error) {
    if (!readOnly.has((error as NodeJS.ErrnoException).code ?? ''))
      throw fileError(error, parent, 'a cache to write to');
  }
  return () => rmSync(lease, { force: true });
}

function describeMap(folder: string, held: ReadonlySet<string>): CachedMap {
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, { name }) => sum + statSync(join(folder, name)).size, 0);
  let identity: Partial<Record<keyof MapIdentity, unknown>> = {};
  try {
    identity = readJsonObject(join(folder, identityFile));
  } catch {
    // A map is removed like any other when what it is of is not known.
  }
  const { layer, grid } = identity;
  return {
    folder,
    layer: typeof layer === 'string' ? layer : undefined,
    grid: typeof grid === 'number' || grid === null ? grid : undefined,
    bytes,
    lastUsed: statSync(folder).mtime,
    inUse: held.has(basename(folder)),
  };
}

/** The maps in the cache, the least recently used first. */
export function cachedMaps(): CachedMap[] {
  const parent = featuresFolder();
  if (!existsSync(parent)) return [];
  const held = heldMaps();
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => describeMap(join(parent, name), held))
    .sort((a, b) => a.lastUsed.getTime() - b.lastUsed.getTime());
}

/** A size in GB from the command line or the environment as bytes. @throws BadInput when it is none. */
export function parseGigabytes(text: string, where: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (value >= 0 && Number.isFinite(value)) return value * 1e9;
  throw new BadInput({ where, expected: 'a number of gigabytes, 0 or more', got: JSON.stringify(text) });
}

/** The most bytes that features may take: `NCORE_CACHE_GB`; undefined: no cap. @throws BadInput when it is no number. */
export function cacheCap(): number | undefined {
  const text = process.env['NCORE_CACHE_GB'];
  return text === undefined || text === '' ? undefined : parseGigabytes(text, 'NCORE_CACHE_GB');
}

/**
 * Removes maps, the least recently used first and never one in use, until the cache takes at most `cap` bytes; gives those
 * removed. It may still be larger: by what is in use.
 */
export async function pruneMaps(cap: number): Promise<CachedMap[]> {
  const maps = cachedMaps();
  let total = maps.reduce((sum, { bytes }) => sum + bytes, 0);
  const removed: CachedMap[] = [];
  for (const map of maps) {
    if (total <= cap) break;
    if (map.inUse) continue;
    await removeFolderAtomic(map.folder);
    total -= map.bytes;
    removed.push(map);
  }
  await removeUnfinished(featuresFolder());
  return removed;
}
