import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { readJson, writeJson } from '../files/json.js';
import { float32Data, openSafetensors, writeSafetensors, type TensorData } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { dense, tensorsOf } from '../tree/leaf.js';
import { toFile, toMemory } from '../tree/layout.js';
import { flattenParams, mapParams, type TensorSource } from '../tree/params.js';
import { flattenSpec, type Params, type ParamSpec, type Spec } from '../tree/spec.js';
import { attachLora } from './lora.js';
import { parseLoraConfig, type LoraConfig } from './lora_config.js';
import { findLoraTargets, layoutOfB, loraTargets, trainedInFull, type LoraTarget } from './lora_targets.js';
import { checkEntries, entryName, fullName, towerPrefix, wantedEntries, type Part } from './peft_entries.js';

const configFile = 'adapter_config.json';
const weightsFile = 'adapter_model.safetensors';
/** In the weights' metadata: which base they were trained on. */
const hashField = 'base_sha256';

/** The weights that an adapter stands on. */
export interface AdapterBase {
  /** As base_model_name_or_path has it. */
  readonly name: string;
  readonly sha256: string;
}

/** Fields PEFT expects beside the ones that matter here, at the values this project trains with. */
const constants = {
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
    tensors.set(fullName('', name), float32Data(toFile(leaf.value, layout), shape));
  }
  return tensors;
}

/**
 * Writes what a configuration trains of a tree as PEFT does: adapter_config.json and adapter_model.safetensors in an
 * existing folder; with the base's sha256 the latter's metadata remember it. The same adapters give the same bytes. With
 * `bias` "all" PEFT writes biases of saved modules thrice and reads them once: they are written once.
 * @throws BadInput when the folder cannot be written to.
 */
export async function saveAdapter(
  folder: string,
  params: Params,
  spec: Spec,
  config: LoraConfig,
  baseHash?: string,
): Promise<void> {
  const updates = updateEntries(params, loraTargets(spec, config));
  const tensors = new Map([...updates, ...fullEntries(params, spec, config)]);
  const metadata = { format: 'pt', ...(baseHash === undefined ? {} : { [hashField]: baseHash }) };
  await writeSafetensors(join(folder, weightsFile), tensors, metadata);
  await writeJson(join(folder, configFile), { ...constants, ...config });
}

/** The tree with the given parameters read anew, as variables, whatever kind they were; frees the tensors it replaces. */
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
    const { shape, layout } = specs.get(path) as ParamSpec;
    tf.dispose(tensorsOf(leaf));
    return dense(tf.tidy(() => tf.variable(toMemory(source.read(name), shape, layout), true)));
  });
}

/** Weights of equal shapes may be others: the recorded hash decides, without one the name, where both are known. */
function checkBase(where: string, recorded: string | undefined, config: LoraConfig, base: AdapterBase): void {
  const { base_model_name_or_path: name } = config;
  const fix = 'load the adapter on the weights it was trained on';
  if (recorded !== undefined && recorded !== base.sha256) {
    const made = name === null ? recorded : `${recorded} of ${name}`;
    throw new BadInput({ where: `${where}, ${hashField}`, expected: `${base.sha256} of ${base.name}`, got: made, fix });
  }
  if (recorded === undefined && name !== null && name !== base.name) {
    const field = `${where}, field base_model_name_or_path of its configuration`;
    throw new BadInput({ where: field, expected: base.name, got: name, fix });
  }
}

/**
 * A tree with the adapters of a PEFT folder around its leaves, trainable; whatever stands before the tower's module paths
 * in the model that PEFT adapted is understood. The base tensors pass to the new tree, the caller owns it. Without `base`
 * any weights of the right shapes are taken.
 * @throws BadInput naming a field that is not honoured, an entry that is missing, misshapen, of another type or not the
 * model's, or the base that the adapter was trained on when it is another.
 */
export function loadAdapter<P extends Params>(
  folder: string,
  params: P,
  spec: Spec,
  base?: AdapterBase,
): { params: P; config: LoraConfig } {
  const where = join(folder, configFile);
  const config = parseLoraConfig(readJson(where), where);
  const source = openSafetensors(join(folder, weightsFile));
  try {
    const prefix = towerPrefix(source);
    const full = trainedInFull(spec, config, prefix);
    checkEntries(source, wantedEntries(findLoraTargets(spec, config, prefix), full, spec, prefix), config);
    if (base !== undefined) checkBase(source.where, source.metadata[hashField], config, base);
    const found = loraTargets(spec, config, prefix);
    const read = (module: string, part: Part): Float32Array => source.read(entryName(prefix, module, part));
    const adapted = attachLora(params, found, ({ module, shapes }) => ({
      A: read(module, 'lora_A.weight'),
      B: read(module, 'lora_B.weight'),
      ...(shapes.magnitude === undefined ? {} : { magnitude: read(module, 'lora_magnitude_vector') }),
    }));
    const names = new Map([...full].map(([path, name]) => [path, fullName(prefix, name)]));
    return { params: readInFull(adapted, spec, names, source), config };
  } finally {
    source.close();
  }
}
