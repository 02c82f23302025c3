import { join } from 'node:path';
import { readJson, writeJson } from '../files/json.js';
import { float32Data, openSafetensors, writeSafetensors, type TensorData } from '../files/safetensors.js';
import { BadInput } from '../host/errors.js';
import { toFile } from '../tree/layout.js';
import { flattenParams, type TensorSource } from '../tree/params.js';
import type { Params, Shape, Spec } from '../tree/spec.js';
import { attachLora, layoutOfB, loraTargets, type LoraTarget } from './lora.js';
import { parseLoraConfig, type LoraConfig } from './lora_config.js';

const configFile = 'adapter_config.json';
const weightsFile = 'adapter_model.safetensors';
const root = 'base_model.model.';
/** Stands before SigLIP's module paths in adapters made with transformers 4. */
const olderPrefix = 'vision_model.';

function entryName(prefix: string, module: string, matrix: 'A' | 'B'): string {
  return `${root}${prefix}${module}.lora_${matrix}.weight`;
}

/** Fields PEFT expects beside the ones that matter here, at the values this project trains with. */
const constants = {
  base_model_name_or_path: null,
  fan_in_fan_out: false,
  inference_mode: true,
  init_lora_weights: true,
  modules_to_save: null,
  task_type: null,
  use_dora: false,
};

/**
 * Writes the adapters of a tree as PEFT does: adapter_config.json and adapter_model.safetensors in an existing folder.
 * The same adapters give the same bytes.
 * @throws BadInput when the folder cannot be written to.
 */
export async function saveAdapter(folder: string, params: Params, spec: Spec, config: LoraConfig): Promise<void> {
  const leaves = flattenParams(params);
  const tensors = new Map<string, TensorData>();
  for (const { path, module, layout, shapes } of loraTargets(spec, config)) {
    const leaf = leaves.get(path);
    if (leaf?.kind !== 'lora') throw new Error(`${path} carries no adapter`);
    tensors.set(entryName('', module, 'A'), float32Data(toFile(leaf.A, layout), shapes.A));
    tensors.set(entryName('', module, 'B'), float32Data(toFile(leaf.B, layoutOfB(layout)), shapes.B));
  }
  await writeSafetensors(join(folder, weightsFile), tensors, { format: 'pt' });
  await writeJson(join(folder, configFile), { ...constants, ...config });
}

/** Every adapter entry has to be wanted, and every wanted one there and of the right shape. */
function checkEntries(source: TensorSource, found: readonly LoraTarget[], prefix: string): void {
  const wanted = new Map<string, Shape>(
    found.flatMap(({ module, shapes }) => [
      [entryName(prefix, module, 'A'), shapes.A],
      [entryName(prefix, module, 'B'), shapes.B],
    ]),
  );
  const available = new Set(source.names());
  for (const name of available) {
    if (wanted.has(name)) continue;
    throw new BadInput({
      where: `${source.where}, entry ${name}`,
      expected: 'only lora_A and lora_B of the model’s target_modules',
      got: 'one that belongs to none of them',
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
    const found = loraTargets(spec, config, prefix);
    checkEntries(source, found, prefix);
    const read = (module: string, matrix: 'A' | 'B'): Float32Array => source.read(entryName(prefix, module, matrix));
    return {
      params: attachLora(params, found, ({ module }) => ({ A: read(module, 'A'), B: read(module, 'B') })),
      config,
    };
  } finally {
    source.close();
  }
}
