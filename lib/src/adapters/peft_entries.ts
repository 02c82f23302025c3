import { BadInput } from '../host/errors.js';
import { printable } from '../host/text.js';
import type { TensorSource } from '../tree/params.js';
import { flattenSpec, type ParamSpec, type Shape, type Spec } from '../tree/spec.js';
import type { LoraConfig } from './lora_config.js';
import type { LoraTarget } from './lora_targets.js';

const root = 'base_model.model.';

/** What stands before a tower's module paths: nothing, `vision_model.` (transformers 4), `timm_model.`, or all of MedGemma. */
const beforeTower = /^base_model\.model\.((?:model\.)?(?:vision_tower\.)?(?:vision_model\.|timm_model\.)?)/;

/** Types that adapters are stored in. */
const floatTypes = ['F64', 'F32', 'F16', 'BF16'];

/** A tensor of an update. */
export type Part = 'lora_A.weight' | 'lora_B.weight' | 'lora_magnitude_vector';

/** The name of a tensor of an update in PEFT's file. */
export function entryName(prefix: string, module: string, part: Part): string {
  return `${root}${prefix}${module}.${part}`;
}

/** The name of a parameter that is trained in full in PEFT's file. */
export function fullName(prefix: string, name: string): string {
  return root + prefix + name;
}

/** What stands before the tower's module paths in the model that PEFT adapted. */
export function towerPrefix(source: TensorSource): string {
  const [name = ''] = source.names();
  return beforeTower.exec(name)?.[1] ?? '';
}

/** The entries of an adapter's file with their shapes. */
export function wantedEntries(
  found: readonly LoraTarget[],
  full: ReadonlyMap<string, string>,
  spec: Spec,
  prefix: string,
): Map<string, Shape> {
  const specs = flattenSpec(spec);
  const wanted = new Map<string, Shape>();
  for (const { module, shapes } of found) {
    wanted.set(entryName(prefix, module, 'lora_A.weight'), shapes.A);
    wanted.set(entryName(prefix, module, 'lora_B.weight'), shapes.B);
    if (shapes.magnitude !== undefined)
      wanted.set(entryName(prefix, module, 'lora_magnitude_vector'), shapes.magnitude);
  }
  for (const [path, name] of full) wanted.set(fullName(prefix, name), (specs.get(path) as ParamSpec).shape);
  return wanted;
}

/**
 * The entry that another one repeats: with `bias` "all" PEFT also writes the biases of a saved module as they stand in its
 * two copies of the module, the frozen and the trained one, and computes with neither when it loads them.
 */
function repeated(name: string): string {
  return name.replace(/\.(original_module|modules_to_save(\.[^.]+)?)\.(?=(.*\.)?bias$)/, '.');
}

function checkEntry(source: TensorSource, name: string, shape: Shape): void {
  const where = `${source.where}, entry ${name}`;
  const got = source.shapeOf(name);
  if (got.join() !== shape.join()) {
    const fix = 'check that the adapter was made for this model, with this r and rank_pattern';
    throw new BadInput({ where, expected: `shape [${shape.join(', ')}]`, got: `[${got.join(', ')}]`, fix });
  }
  const dtype = source.dtypeOf(name);
  if (!floatTypes.includes(dtype))
    throw new BadInput({ where, expected: `one of ${floatTypes.join(', ')}`, got: dtype });
}

/** Every entry has to be wanted, and every wanted one there and of the right shape and type. @throws BadInput naming it. */
export function checkEntries(source: TensorSource, wanted: ReadonlyMap<string, Shape>, { bias }: LoraConfig): void {
  const available = new Set(source.names());
  for (const name of available) {
    const shape = wanted.get(bias === 'all' ? repeated(name) : name);
    if (shape === undefined) {
      throw new BadInput({
        where: `${source.where}, entry ${printable(name, 200)}`,
        expected: 'only what the configuration trains of this model (target_modules, modules_to_save, bias, use_dora)',
        got: 'one that belongs to none of it',
        fix: 'check that the adapter was made for this model',
      });
    }
    checkEntry(source, name, shape);
  }
  for (const name of wanted.keys()) {
    if (available.has(name)) continue;
    throw new BadInput({ where: source.where, expected: `an entry ${name}`, got: 'none of that name' });
  }
}
