import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { float16Data } from '../files/float16.js';
import { float32Data, SafetensorsFile, writeSafetensors, type TensorData } from '../files/safetensors.js';
import type { GreyImage } from '../files/image.js';
import { yieldToEvents } from '../host/abort.js';
import { monotonicMs } from '../host/clock.js';
import { BadInput } from '../host/errors.js';
import { warn } from '../host/log.js';
import { startProgress } from '../host/progress.js';
import {
  cacheCap,
  cachedMaps,
  holdMaps,
  makeMapFolder,
  mapFolder,
  pruneMaps,
  type MapIdentity,
} from './feature_cache_maps.js';

/** One of a frozen model's feature maps, pooled to grid × grid or, with null, as it is. */
export interface FeatureMapName {
  readonly layer: string;
  readonly grid: number | null;
}

/** Hash of a frame's content, by which the cache knows it. */
export function frameHash({ height, width, data }: GreyImage): string {
  return createHash('sha256').update(`${height}x${width}`).update(data).digest('hex');
}

/** float16 halves the disk that features take and keeps three decimal digits of each. */
export type FeatureDtype = 'float32' | 'float16';

/** Which features are wanted, of which frames, and how to compute those that are not cached yet. */
export interface FeatureRequest {
  /** What is computed, for people. */
  readonly title: string;
  /** Hash of the model's weights. */
  readonly weights: string;
  /** How frames become the model's input: anything that JSON can write. */
  readonly preprocessing: unknown;
  readonly maps: readonly FeatureMapName[];
  /** How features are stored; what is read is float32. */
  readonly dtype: FeatureDtype;
  /** Hash of each frame's content; equal frames share an entry. */
  readonly frames: readonly string[];
  /** Frames of one pass of the model; every pass has this many. */
  readonly batch: number;
  /** The model's inputs `[batch, H, W, 3]` of some frames (indices into `frames`); this cache disposes them. */
  images(frames: readonly number[]): tf.Tensor4D | Promise<tf.Tensor4D>;
  /** Is told which frames will be asked for next. */
  prefetch?(frames: readonly number[]): void;
  /** The maps in the order of `maps`, `[batch, h, w, C]` each; this cache disposes them. */
  forward(images: tf.Tensor4D): readonly tf.Tensor4D[];
  readonly signal?: AbortSignal;
}

/** Cached features, read from the disk where they are asked for. */
export interface Features {
  /** Frames that had to be computed. */
  readonly computed: number;
  /** The map number `map` of some frames: `[N, h, w, C]`, the caller's. */
  read(map: number, frames: readonly number[]): tf.Tensor4D;
  /** Closes the files. */
  close(): void;
}

/** What was computed goes to the disk after so many bytes or so long, whichever comes first. */
const shardBytes = 64 * 2 ** 20;
const shardMs = 60_000;

function identityOf({ weights, preprocessing, dtype }: FeatureRequest, { layer, grid }: FeatureMapName): MapIdentity {
  return { weights, preprocessing, layer, grid, dtype };
}

/** The entries of one map over its shards, each `[h, w, C]` under its frame's hash. */
class MapStore {
  private readonly shards: SafetensorsFile[] = [];
  private readonly shardOf = new Map<string, SafetensorsFile>();

  constructor(private readonly identity: MapIdentity) {
    const folder = mapFolder(identity);
    if (!existsSync(folder)) return;
    const names = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
    for (const name of names.sort()) this.open(join(folder, name));
  }

  private open(path: string): void {
    const shard = new SafetensorsFile(path);
    this.shards.push(shard);
    for (const frame of shard.names()) this.shardOf.set(frame, shard);
  }

  has(frame: string): boolean {
    return this.shardOf.has(frame);
  }

  /** Adds a shard, named by the frames in it: runs that fill one cache at once replace a shard only by its equal. */
  async append(entries: ReadonlyMap<string, TensorData>): Promise<void> {
    const folder = await makeMapFolder(this.identity);
    const name = createHash('sha256')
      .update(JSON.stringify([...entries.keys()]))
      .digest('hex')
      .slice(0, 32);
    const path = join(folder, `${name}.safetensors`);
    await writeSafetensors(path, entries);
    this.open(path);
  }

  read(frames: readonly string[]): tf.Tensor4D {
    const parts = frames.map((frame) => {
      const shard = this.shardOf.get(frame);
      if (shard === undefined) throw new Error(`no cached features of frame ${frame}`);
      return { shape: shard.shapeOf(frame), values: shard.read(frame) };
    });
    const [h = 0, w = 0, C = 0] = parts[0]?.shape ?? [];
    const size = h * w * C;
    const all = new Float32Array(parts.length * size);
    parts.forEach(({ values }, i) => all.set(values, i * size));
    return tf.tensor4d(all, [parts.length, h, w, C]);
  }

  close(): void {
    for (const shard of this.shards) shard.close();
  }
}

/** The store of every map; equal maps share one. */
function openStores(request: FeatureRequest): MapStore[] {
  const opened = new Map<string, MapStore>();
  return request.maps.map((map) => {
    const identity = identityOf(request, map);
    const folder = mapFolder(identity);
    const store = opened.get(folder) ?? new MapStore(identity);
    opened.set(folder, store);
    return store;
  });
}

/** The first index of every frame that some map lacks. */
function missingFrames(frames: readonly string[], stores: readonly MapStore[]): number[] {
  const firsts = new Map<string, number>();
  frames.forEach((frame, i) => {
    if (!firsts.has(frame) && stores.some((store) => !store.has(frame))) firsts.set(frame, i);
  });
  return [...firsts.values()];
}

type Entries = Map<string, TensorData>;

/** One frame's map as it is stored. @throws BadInput when it is too large for float16. */
function stored(
  values: Float32Array,
  shape: readonly number[],
  dtype: FeatureDtype,
  { layer }: FeatureMapName,
): TensorData {
  if (dtype === 'float32') return float32Data(values, shape);
  const outside = values.find((value) => Math.abs(value) >= 65520);
  if (outside === undefined) return float16Data(values, shape);
  const fix = 'set teacher.feature_dtype to float32';
  throw new BadInput({ where: `teacher feature ${layer}`, expected: 'values below 65520', got: String(outside), fix });
}

/** Adds what the model says about some frames to the entries of each map, but for what its store has already. */
async function computeInto(
  entries: readonly Entries[],
  stores: readonly MapStore[],
  { frames, batch, maps, dtype, images, forward, prefetch }: FeatureRequest,
  indices: readonly number[],
  next: readonly number[],
): Promise<void> {
  const padding = new Array<number>(batch - indices.length).fill(indices[0] as number);
  const input = await images([...indices, ...padding]);
  prefetch?.(next);
  const outputs = forward(input);
  for (const [map, output] of outputs.entries()) {
    const values = await output.data<'float32'>();
    const [, ...shape] = output.shape;
    const size = shape.reduce((product, n) => product * n, 1);
    indices.forEach((index, i) => {
      const frame = frames[index] as string;
      if (stores[map]?.has(frame)) return;
      const ofFrame = values.slice(i * size, (i + 1) * size);
      entries[map]?.set(frame, stored(ofFrame, shape, dtype, maps[map] as FeatureMapName));
    });
  }
  tf.dispose([input, ...outputs]);
}

function bytesOf(entries: readonly Entries[]): number {
  let bytes = 0;
  for (const map of new Set(entries)) for (const { data } of map.values()) bytes += data.byteLength;
  return bytes;
}

/** Writes what was gathered as one shard a map, and makes room for it where the cache has a cap. */
async function flush(stores: readonly MapStore[], entries: readonly Entries[]): Promise<void> {
  const cap = cacheCap();
  if (cap !== undefined) await pruneMaps(Math.max(0, cap - bytesOf(entries)));
  for (const [i, map] of entries.entries()) {
    if (map.size > 0) await stores[i]?.append(map);
    map.clear();
  }
}

async function computeMissing(request: FeatureRequest, stores: readonly MapStore[]): Promise<number> {
  const missing = missingFrames(request.frames, stores);
  if (missing.length === 0) return 0;
  const progress = startProgress(request.title, missing.length);
  const byStore = new Map(stores.map((store): [MapStore, Entries] => [store, new Map()]));
  const entries = stores.map((store) => byStore.get(store) as Entries);
  let flushed = monotonicMs();
  try {
    for (let begin = 0; begin < missing.length; begin += request.batch) {
      await yieldToEvents(request.signal);
      const indices = missing.slice(begin, begin + request.batch);
      const next = missing.slice(begin + request.batch, begin + 2 * request.batch);
      await computeInto(entries, stores, request, indices, next);
      if (bytesOf(entries) >= shardBytes || monotonicMs() - flushed >= shardMs) {
        await flush(stores, entries);
        flushed = monotonicMs();
      }
      progress.advance(indices.length);
    }
  } finally {
    await flush(stores, entries);
    progress.end();
  }
  return missing.length;
}

/** Prunes the cache to its cap and says where what is in use alone takes more. */
async function keepBelow(cap: number): Promise<void> {
  await pruneMaps(cap);
  const used = cachedMaps().reduce((sum, { bytes }) => sum + bytes, 0);
  const gigabytes = (bytes: number): string => (bytes / 1e9).toPrecision(3);
  if (used > cap) warn(`features in use take ${gigabytes(used)} GB, NCORE_CACHE_GB allows ${gigabytes(cap)}`);
}

/**
 * The features of a frozen model for all frames of a request: what the cache lacks is computed and stored in
 * safetensors shards under `.cache/features`, then everything is read from there, so that a first and a later run train on
 * the same bits. An interrupted pass keeps what it has; a killed one all but its last minute. Where `NCORE_CACHE_GB` caps the
 * cache, maps that no run is using make room, the least recently used first. The caller closes the result.
 * @throws BadInput when the cache cannot be written to or holds a damaged file, or a value is too large for its dtype.
 */
export async function cacheFeatures(request: FeatureRequest): Promise<Features> {
  const cap = cacheCap();
  const release = holdMaps(request.maps.map((map) => mapFolder(identityOf(request, map))));
  let stores: readonly MapStore[] = [];
  const close = (): void => {
    release();
    new Set(stores).forEach((store) => store.close());
  };
  try {
    stores = openStores(request);
    const computed = await computeMissing(request, stores);
    if (cap !== undefined) await keepBelow(cap);
    return {
      computed,
      read(map, frames) {
        const names = frames.map((frame) => request.frames[frame] as string);
        return (stores[map] as MapStore).read(names);
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
