import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { mergeLora } from '../adapters/merge_lora.js';
import { loadAdapter } from '../adapters/peft_files.js';
import { readJsonObject, type JsonObject } from '../files/json.js';
import type { OpenTensorSource } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import * as mobilenet from '../models/mobilenet_v5.js';
import { mobilenetV5Config } from '../models/mobilenet_v5_config.js';
import * as siglip from '../models/siglip_vision.js';
import { siglipVisionConfig } from '../models/siglip_vision_config.js';
import { toFile } from '../tree/layout.js';
import { disposeParams, flattenParams } from '../tree/params.js';
import { flattenSpec, type Params, type Spec } from '../tree/spec.js';
import { besideCase, withFile } from './case_file.js';
import { compare, inScope, readNhwc, type Comparison } from './compare.js';

const outputsFile = 'io.safetensors';
const mergedFile = 'merged.safetensors';
/** What the outputs of a case stand under: of the adapted model, of the merged one, of the base alone. */
const kinds = ['base', 'adapted', 'merged'] as const;
type Kind = (typeof kinds)[number];

type Outputs = Readonly<Record<string, tf.Tensor>>;

/** The model a case adapts, with a fresh copy of its base at each call. */
interface Base {
  readonly spec: Spec;
  open(): Params;
  outputs(params: Params, input: tf.Tensor4D, wanted: readonly string[]): Outputs;
}

function siglipBase(folder: string): Base {
  const path = join(folder, 'config.json');
  const config = siglipVisionConfig(readJsonObject(path), path);
  const spec = siglip.spec(config);
  return {
    spec,
    open: () => loadCheckpoint(spec, folder, siglip.siglipAnchor),
    outputs: (params, input, features) =>
      siglip.forward(params as siglip.SiglipVisionParams, input, config, { features, interpolatePosEncoding: true }),
  };
}

/** The resolution of MobileNetV5's output is the case's own: that of the maps it holds. */
function mobilenetBase(folder: string, io: OpenTensorSource): Base {
  const path = join(folder, 'config.json');
  const resolution = io.shapeOf('adapted.output')[2];
  const config = mobilenetV5Config({ ...readJsonObject(path), msfa_output_resolution: resolution }, path);
  const spec = mobilenet.spec(config);
  return {
    spec,
    open: () => loadCheckpoint(spec, folder, mobilenet.mobilenetV5Anchor),
    outputs: (params, input, features) =>
      mobilenet.forward(params as mobilenet.MobileNetV5Params, input, config, { features }),
  };
}

function textField(meta: JsonObject, field: string, where: string): string {
  const value = meta[field];
  if (typeof value === 'string') return value;
  throw new BadInput({
    where: `${where}, field ${field}`,
    expected: 'a text',
    got: JSON.stringify(value) ?? 'nothing',
  });
}

/** The case's input: in its own file, or where meta.json says, `<path>#<entry>`. */
function readInput(folder: string, io: OpenTensorSource, meta: JsonObject): tf.Tensor4D {
  if ([...io.names()].includes('input')) return readNhwc(io, 'input');
  const [path = '', entry = 'input'] = textField(meta, 'input_from', join(folder, 'meta.json')).split('#');
  return withFile(besideCase(folder, path), (file) => readNhwc(file, entry));
}

function namesOf(io: OpenTensorSource, kind: Kind): string[] {
  return [...io.names()].filter((name) => name.startsWith(`${kind}.`)).map((name) => name.slice(kind.length + 1));
}

/** A kernel in the checkpoint's layout as maps are compared, which are turned to NCHW. */
function asCompared(weight: tf.Tensor): tf.Tensor {
  return weight.rank === 4 ? tf.transpose(weight, [0, 2, 3, 1]) : weight;
}

/** The merged weights under the names of the golden, with or without `vision_model.`. */
function mergedWeights(merged: Params, spec: Spec, file: OpenTensorSource): Outputs {
  const [leaves, specs] = [flattenParams(merged), flattenSpec(spec)];
  const weights = [...file.names()].flatMap((name) => {
    const path = name.replace(/^vision_model\./, '');
    const leaf = leaves.get(path);
    const { layout } = specs.get(path) ?? {};
    if (leaf?.kind !== 'dense' || layout === undefined) return [];
    return [[name, asCompared(tf.tensor(toFile(leaf.value, layout), [...file.shapeOf(name)]))] as const];
  });
  return Object.fromEntries(weights);
}

interface CaseParts {
  readonly folder: string;
  readonly name: string;
  readonly io: OpenTensorSource;
  readonly base: Base;
  readonly input: tf.Tensor4D;
}

/** Outputs of a kind under the golden's names. */
function outputsOf({ io, base, input }: CaseParts, kind: Kind, params: Params): Outputs {
  const names = namesOf(io, kind);
  if (names.length === 0) return {};
  const found = base.outputs(params, input, names);
  return Object.fromEntries(Object.entries(found).map(([name, tensor]) => [`${kind}.${name}`, tensor]));
}

function replayCase(parts: CaseParts): Comparison[] {
  const { folder, name, io, base } = parts;
  const plain = base.open();
  const outputs = [outputsOf(parts, 'base', plain)];
  const { params } = loadAdapter(folder, plain, base.spec);
  try {
    const merged = mergeLora(params);
    outputs.push(outputsOf(parts, 'adapted', params), outputsOf(parts, 'merged', merged));
    const expected = kinds.flatMap((kind) => namesOf(io, kind).map((tensor) => `${kind}.${tensor}`));
    return [
      compare(`${name}/${outputsFile}`, io, expected, Object.assign({}, ...outputs) as Outputs),
      withFile(join(folder, mergedFile), (file) =>
        compare(`${name}/${mergedFile}`, file, [...file.names()], mergedWeights(merged, base.spec, file)),
      ),
    ];
  } finally {
    disposeParams(params);
  }
}

/** Replays a PEFT adapter on the base it names: outputs adapted and merged, and the merged weights. */
export function replayLora(folder: string, name: string): Comparison[] {
  const path = join(folder, 'meta.json');
  const meta = readJsonObject(path);
  const model = textField(meta, 'base', path);
  const base = besideCase(folder, model);
  return withFile(join(folder, outputsFile), (io) =>
    inScope(() =>
      replayCase({
        folder,
        name,
        io,
        base: isMobilenet(base) ? mobilenetBase(base, io) : siglipBase(base),
        input: readInput(folder, io, meta),
      }),
    ),
  );
}

function isMobilenet(folder: string): boolean {
  const json = readJsonObject(join(folder, 'config.json'));
  return 'arch_def' in json || /^mobilenetv5/.test(String(json['architecture']));
}
