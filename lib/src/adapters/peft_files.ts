import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { readJson, writeJson } from '../files/json.js';
import { float32Data, openSafetensors, writeSafetensors, type TensorData } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { dense } from '../tree/leaf.js';
import { toFile, toMemory } from '../tree/layout.js';
import { flattenParams, mapParams, type TensorSource } from '../tree/params.js';
import { flattenSpec, type Params, type ParamSpec, type Shape, type Spec } from '../tree/spec.js';
import { attachLora } from './lora.js';
import { parseLoraConfig, type LoraConfig } from './lora_config.js';
import { findLoraTargets, layoutOfB, loraTargets, trainedInFull, type LoraTarget } from './lora_targets.js';

const configFile = 'adapter_config.json';
const weightsFile = 'adapter_model.safetensors';
const root = 'base_model.model.';
/** Stands before SigLIP's module paths in adapters made with transformers 4. */
const olderPrefix = 'vision_model.';

type Part = 'lora_A.weight' | 'lora_B.weight' | 'lora_magnitude_vector';

function entryName(prefix: string, module: string, part: Part): string {
  return `${root}${prefix}${module}.${part}`;
}

/** Fields PEFT expects beside the ones that matter here, at the values this project trains with. */
const constants = {
  base_model_name_or_path: null,
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  task_type: null,
};

function updateEntries(params: Params, found: readonly LoraTarget[]): Map<string, TensorData> {
  const leaves = flattenParams(params);
  const tensors = new Map<string, TensorData>();
  for (const { path, module, layout, shapes } of found) {
    const leaf = leaves.get(path);
    if (leaf?.kind !== 'lora') throw new Error(`${path} carries no adapter`);
    tensors.set(entryName('', module, 'lora_A.weight'), float32Data(toFile(leaf.A, layout), shapes.A));
    tensors.set(entryName('', module, 'lora_B.weight'), float32Data(toFile(leaf.B, layoutOfB(layout)), shapes.B));
    if (shapes.magnitude === undefined) continue;
    if (leaf.magnitude === undefined) throw new Error(`${path} carries no magnitudes`);
    const name = entryName('', module, 'lora_magnitude_vector');
    tensors.set(name, float32Data(toFile(leaf.magnitude, 'same'), shapes.magnitude));
  }
  return tensors;
}

/** What is trained in full, as it stands in the file. */
function fullEntries(params: Params, spec: Spec, config: LoraConfig): Map<string, TensorData> {
  const [leaves, specs] = [flattenParams(params), flattenSpec(spec)];
  const tensors = new Map<string, TensorData>();
  for (const [path, name] of trainedInFull(spec, config)) {
    const { layout, shape } = specs.get(path) as ParamSpec;
    const leaf = leaves.get(path);
    if (leaf?.kind !== 'dense') throw new Error(`${path} is not trained in full`);
    tensors.set(root + name, float32Data(toFile(leaf.value, layout), shape));
  }
  return tensors;
}

/**
 * Writes what a configuration trains of a tree as PEFT does: adapter_config.json and adapter_model.safetensors in an
 * existing folder. The same adapters give the same bytes.
 * @throws BadInput when the folder cannot be written to.
 */
export async function saveAdapter(folder: string, params: Params, spec: Spec, config: LoraConfig): Promise<void> {
  const updates = updateEntries(params, loraTargets(spec, config));
  const tensors = new Map([...updates, ...fullEntries(params, spec, config)]);
  await writeSafetensors(join(folder, weightsFile), tensors, { format: 'pt' });
  await writeJson(join(folder, configFile), { ...constants, ...config });
}

/** The entries of an adapter's file with their shapes. */
function wantedEntries(found: readonly LoraTarget[], full: ReadonlyMap<string, string>, spec: Spec, prefix: string) {
  const specs = flattenSpec(spec);
  const wanted = new Map<string, Shape>();
  for (const { module, shapes } of found) {
    wanted.set(entryName(prefix, module, 'lora_A.weight'), shapes.A);
    wanted.set(entryName(prefix, module, 'lora_B.weight'), shapes.B);
    if (shapes.magnitude !== undefined)
      wanted.set(entryName(prefix, module, 'lora_magnitude_vector'), shapes.magnitude);
  }
  for (const [path, name] of full) wanted.set(root + prefix + name, (specs.get(path) as ParamSpec).shape);
  return wanted;
}

/** Every entry has to be wanted, and every wanted one there and of the right shape. */
function checkEntries(source: TensorSource, wanted: ReadonlyMap<string, Shape>): void {
  const available = new Set(source.names());
  for (const name of available) {
    if (wanted.has(name)) continue;
    throw new BadInput({
      where: `${source.where}, entry ${name}`,
      expected: 'only what the configuration trains of this model (target_modules, modules_to_save, bias, use_dora)',
      got: 'one that belongs to none of it',
      fix: 'check that the adapter was made for this model',
    });
  }
  for (const [name, shape] of wanted) {
    if (!available.has(name)) {
      throw new BadInput({ where: source.where, expected: `an entry ${name}`, got: 'none of that name' });
    }
    const got = source.shapeOf(name);
    if (got.join() === shape.join()) continue;
    throw new BadInput({
      where: `${source.where}, entry ${name}`,
      expected: `shape [${shape.join(', ')}]`,
      got: `[${got.join(', ')}]`,
      fix: 'check that the adapter was made for this model',
    });
  }
}

/** The tree with the given parameters read anew, as variables; takes over the tensors it replaces. */
function readInFull<P extends Params>(
  params: P,
  spec: Spec,
  names: ReadonlyMap<string, string>,
  source: TensorSource,
): P {
  const specs = flattenSpec(spec);
  return mapParams(params, (leaf, path) => {
    const name = names.get(path);
    if (name === undefined) return leaf;
    if (leaf.kind !== 'dense') throw new Error(`${path} is a ${leaf.kind} leaf, which cannot be trained in full`);
    const { shape, layout } = specs.get(path) as ParamSpec;
    leaf.value.dispose();
    return dense(tf.tidy(() => tf.variable(toMemory(source.read(name), shape, layout), true)));
  });
}

/**
 * A tree with the adapters of a PEFT folder around its leaves, trainable; module paths with and without `vision_model.`
 * are understood. The base tensors pass to the new tree, the caller owns it.
 * @throws BadInput naming a field that is not honoured, or an entry that is missing, misshapen or not the model's.
 */
export function loadAdapter<P extends Params>(
  folder: string,
  params: P,
  spec: Spec,
): { params: P; config: LoraConfig } {
  const where = join(folder, configFile);
  const config = parseLoraConfig(readJson(where), where);
  const source = openSafetensors(join(folder, weightsFile));
  try {
    const older = [...source.names()].some((name) => name.startsWith(root + olderPrefix));
    const prefix = older ? olderPrefix : '';
    const full = trainedInFull(spec, config, prefix);
    checkEntries(source, wantedEntries(findLoraTargets(spec, config, prefix), full, spec, prefix));
    const found = loraTargets(spec, config, prefix);
    const read = (module: string, part: Part): Float32Array => source.read(entryName(prefix, module, part));
    const adapted = attachLora(params, found, ({ module, shapes }) => ({
      A: read(module, 'lora_A.weight'),
      B: read(module, 'lora_B.weight'),
      ...(shapes.magnitude === undefined ? {} : { magnitude: read(module, 'lora_magnitude_vector') }),
    }));
    const names = new Map([...full].map(([path, name]) => [path, root + prefix + name]));
    return { params: readInFull(adapted, spec, names, source), config };
  } finally {
    source.close();
  }
}
