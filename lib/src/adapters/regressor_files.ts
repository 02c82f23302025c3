import { join } from 'node:path';
import { isJsonObject, readJsonObject, writeJson, type JsonObject } from '../files/json.js';
import { openSafetensors } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import type { Frozen } from '../schema/frozen.js';
import type * as generated from '../schema/generated/training_frames.js';
import { validate } from '../schema/validate.js';
import { load, type TensorSource } from '../tree/params.js';
import { flattenSpec, type Params, type ParamsOf, type Spec } from '../tree/spec.js';
import { saveParams } from './param_files.js';
import { precisions, type Precision } from './quantize/leaves.js';

type TrainingFrames = Frozen<generated.TrainingFrames>;

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
  /** What is known of the frames it learned from; older files say nothing of them. */
  readonly trainingFrames?: TrainingFrames | undefined;
}

function fail(where: string, field: string, expected: string, got: unknown): never {
  throw new BadInput({ where: `${where}, field ${field}`, expected, got: JSON.stringify(got) ?? 'nothing' });
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0;
}

function triple(where: string, field: string, value: unknown, least = -Infinity): [number, number, number] {
  const fits = (v: unknown): boolean => Number.isFinite(v) && (v as number) > least;
  if (Array.isArray(value) && value.length === 3 && value.every(fits)) return value as [number, number, number];
  const numbers = least === 0 ? 'three numbers above 0' : 'three numbers';
  return fail(where, field, `${numbers} for EDV, ESV and EF`, value);
}

function parseBridge(where: string, value: unknown, i: number): RegressorBridge {
  const field = `bridges[${i}]`;
  if (!isJsonObject(value)) return fail(where, field, 'an object', value);
  const { name, teacherLayer, studentFeature, grid, projector } = value;
  for (const [key, text] of Object.entries({ name, teacherLayer, studentFeature })) {
    if (typeof text !== 'string') fail(where, `${field}.${key}`, 'a text', text);
  }
  if (!isCount(grid)) fail(where, `${field}.grid`, 'a positive whole number', grid);
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
  const { targets, mean, std, frameOrder, fusionSize, view, base, preprocessing, bridges, trainingFrames } = json;
  if (String(targets) !== 'EDV,ESV,EF') fail(where, 'targets', '["EDV","ESV","EF"]', targets);
  if (String(frameOrder) !== 'ED,ES') fail(where, 'frameOrder', '["ED","ES"]', frameOrder);
  if (!isCount(fusionSize)) fail(where, 'fusionSize', 'a positive whole number', fusionSize);
  if (!isJsonObject(preprocessing)) return fail(where, 'preprocessing', 'an object', preprocessing);
  if (typeof view !== 'string') return fail(where, 'view', 'a text', view);
  if (!Array.isArray(bridges)) return fail(where, 'bridges', 'a list', bridges);
  return {
    targets: ['EDV', 'ESV', 'EF'],
    mean: triple(where, 'mean', mean),
    std: triple(where, 'std', std, 0),
    frameOrder: ['ED', 'ES'],
    fusionSize: fusionSize as number,
    view,
    base: parseBase(where, base),
    preprocessing,
    bridges: bridges.map((bridge, i) => parseBridge(where, bridge, i)),
    ...(trainingFrames === undefined
      ? {}
      : { trainingFrames: validate<TrainingFrames>('training_frames', trainingFrames, `${where}, trainingFrames`) }),
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

/** A regressor has its own file: what neither the spec nor a projector has, which reading a heart does not need, belongs to another. */
function checkExtra(source: TensorSource, spec: Spec): void {
  const known = flattenSpec(spec);
  const isProjector = (name: string): boolean => !('projectors' in spec) && name.startsWith('projectors.');
  for (const name of source.names()) {
    if (known.has(name) || isProjector(name)) continue;
    throw new BadInput({
      where: `${source.where}, entry ${printable(name, 200)}`,
      expected: 'only what the regressor has (fusion, heads, projectors)',
      got: 'one that belongs to none of it',
      fix: 'check that regressor.json stands beside its own weights',
    });
  }
}

/**
 * The tensors of a folder's regressor, frozen; the caller owns them. A spec without `projectors` leaves these in the file.
 * @throws BadInput naming an entry that is missing, extra, misshapen or of another type.
 */
export function loadRegressor<S extends Spec>(folder: string, spec: S): ParamsOf<S> {
  const source = openSafetensors(join(folder, weightsFile));
  try {
    checkExtra(source, spec);
    return load(spec, source);
  } finally {
    source.close();
  }
}
