import { join } from 'node:path';
import { isJsonObject, readJsonObject, writeJson, type JsonObject } from '../files/json.js';
import { openSafetensors } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { load } from '../tree/params.js';
import type { Params, ParamsOf, Spec } from '../tree/spec.js';
import { saveParams } from './param_files.js';
import { precisions, type Precision } from './quantize/leaves.js';

const infoFile = 'regressor.json';
const weightsFile = 'regressor.safetensors';

/** A bridge as the regressor file remembers it. */
export interface RegressorBridge {
  readonly name: string;
  readonly teacherLayer: string;
  readonly studentFeature: string;
  readonly grid: number;
  /** The projector's configuration. */
  readonly projector: JsonObject;
}

/** The encoder's weights under the adapter. */
export interface RegressorBase {
  /** What the configuration called them. */
  readonly weights: string;
  /** Fills random ones. */
  readonly seed: number;
  readonly sha256: string;
  readonly precision: Precision;
}

/** What somebody who has the student's base and adapter still needs to read a heart with it. */
export interface RegressorInfo {
  readonly targets: readonly ['EDV', 'ESV', 'EF'];
  /** mL, mL, %: predictions are mean + std · the heads' outputs. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** Fusion takes the pooled features of the frames in this order. */
  readonly frameOrder: readonly ['ED', 'ES'];
  /** Width D of the fusion. */
  readonly fusionSize: number;
  readonly view: string;
  readonly base: RegressorBase;
  /** How frames became the student's input. */
  readonly preprocessing: JsonObject;
  readonly bridges: readonly RegressorBridge[];
}

function fail(where: string, field: string, expected: string, got: unknown): never {
  throw new BadInput({ where: `${where}, field ${field}`, expected, got: JSON.stringify(got) ?? 'nothing' });
}

function triple(where: string, field: string, value: unknown): [number, number, number] {
  if (Array.isArray(value) && value.length === 3 && value.every(Number.isFinite))
    return value as [number, number, number];
  return fail(where, field, 'three numbers for EDV, ESV and EF', value);
}

function parseBridge(where: string, value: unknown, i: number): RegressorBridge {
  const field = `bridges[${i}]`;
  if (!isJsonObject(value)) return fail(where, field, 'an object', value);
  const { name, teacherLayer, studentFeature, grid, projector } = value;
  for (const [key, text] of Object.entries({ name, teacherLayer, studentFeature })) {
    if (typeof text !== 'string') fail(where, `${field}.${key}`, 'a text', text);
  }
  if (!Number.isInteger(grid)) fail(where, `${field}.grid`, 'a whole number', grid);
  if (!isJsonObject(projector)) fail(where, `${field}.projector`, 'an object', projector);
  return value as unknown as RegressorBridge;
}

function parseBase(where: string, value: unknown): RegressorBase {
  if (!isJsonObject(value)) return fail(where, 'base', "the base's weights, seed, sha256 and precision", value);
  const { weights, seed, sha256, precision } = value;
  if (typeof weights !== 'string') return fail(where, 'base.weights', 'a name', weights);
  if (!Number.isSafeInteger(seed)) return fail(where, 'base.seed', 'a whole number', seed);
  if (typeof sha256 !== 'string') return fail(where, 'base.sha256', 'a text', sha256);
  const known = precisions.find((name) => name === precision);
  if (known === undefined) return fail(where, 'base.precision', precisions.join(', '), precision);
  return { weights, seed: seed as number, sha256, precision: known };
}

function parseInfo(where: string, json: JsonObject): RegressorInfo {
  const { targets, mean, std, frameOrder, fusionSize, view, base, preprocessing, bridges } = json;
  if (String(targets) !== 'EDV,ESV,EF') fail(where, 'targets', '["EDV","ESV","EF"]', targets);
  if (String(frameOrder) !== 'ED,ES') fail(where, 'frameOrder', '["ED","ES"]', frameOrder);
  if (!Number.isInteger(fusionSize)) fail(where, 'fusionSize', 'a whole number', fusionSize);
  if (!isJsonObject(preprocessing)) return fail(where, 'preprocessing', 'an object', preprocessing);
  if (typeof view !== 'string') return fail(where, 'view', 'a text', view);
  if (!Array.isArray(bridges)) return fail(where, 'bridges', 'a list', bridges);
  return {
    targets: ['EDV', 'ESV', 'EF'],
    mean: triple(where, 'mean', mean),
    std: triple(where, 'std', std),
    frameOrder: ['ED', 'ES'],
    fusionSize: fusionSize as number,
    view,
    base: parseBase(where, base),
    preprocessing,
    bridges: bridges.map((bridge, i) => parseBridge(where, bridge, i)),
  };
}

/**
 * Writes regressor.safetensors (`fusion.*`, `heads.*`, `projectors.*`: the tree's paths) and regressor.json into an
 * existing folder.
 * @throws BadInput when the folder cannot be written to.
 */
export async function saveRegressor(folder: string, params: Params, spec: Spec, info: RegressorInfo): Promise<void> {
  await saveParams(join(folder, weightsFile), params, spec);
  await writeJson(join(folder, infoFile), info);
}

/** What a folder's regressor.json says. @throws BadInput naming a missing or malformed field. */
export function readRegressorInfo(folder: string): RegressorInfo {
  const where = join(folder, infoFile);
  return parseInfo(where, readJsonObject(where));
}

/** The tensors of a folder's regressor, frozen; the caller owns them. @throws BadInput naming a missing or misshapen entry. */
export function loadRegressor<S extends Spec>(folder: string, spec: S): ParamsOf<S> {
  const source = openSafetensors(join(folder, weightsFile));
  try {
    return load(spec, source);
  } finally {
    source.close();
  }
}
