import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isJsonObject, readJsonObject, type JsonObject } from './files/json.js';
import type { Preprocessing } from './schema/generated/experiment.js';

/** Pillow's numbers of its filters. */
const filters: Readonly<Record<number, string>> = { 0: 'nearest', 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' };

/** What a `preprocessor_config.json` says, as far as it says it, in the words of an experiment. */
function stated(json: JsonObject): Partial<Record<keyof Preprocessing, unknown>> {
  const size = isJsonObject(json['size']) ? json['size'] : {};
  const normalises = json['do_normalize'] !== false;
  return {
    height: size['height'],
    width: size['width'],
    resample: typeof json['resample'] === 'number' ? filters[json['resample']] : undefined,
    rescale_factor: json['do_rescale'] === false ? 1 : json['rescale_factor'],
    mean: normalises ? json['image_mean'] : [0, 0, 0],
    std: normalises ? json['image_std'] : [1, 1, 1],
  };
}

function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((value, i) => isSame(value, b[i]));
  // Published rescale factors are 1/255 cut to ten digits or so.
  return typeof a === 'number' && typeof b === 'number' ? Math.abs(a - b) < 1e-9 : a === b;
}

/** Where the processor of a folder (transformers' `preprocessor_config.json`) does otherwise than expected, one sentence each. */
export function processorDifferences(folder: string, expected: Preprocessing): string[] {
  const path = join(folder, 'preprocessor_config.json');
  if (!existsSync(path)) return [];
  return Object.entries(stated(readJsonObject(path)))
    .filter(([field, value]) => value !== undefined && !isSame(value, expected[field as keyof Preprocessing]))
    .map(([field, value]) => {
      const known = JSON.stringify(expected[field as keyof Preprocessing]);
      return `preprocessor_config.json has ${field} ${JSON.stringify(value)}, the manifest ${known}`;
    });
}
