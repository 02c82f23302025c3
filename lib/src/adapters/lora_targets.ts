import { BadInput } from '../host/errors.js';
import { flattenSpec, type Layout, type Shape, type Spec } from '../tree/spec.js';
import type { LoraConfig } from './lora_config.js';
import { rankAndScale, savedModuleOf, targets } from './lora_modules.js';
import { isMatrix } from './matrices.js';

/** The low-rank update of one weight as PEFT stores it. */
export interface LoraTarget {
  /** Path of the weight in the tree. */
  readonly path: string;
  /** The weight's path without `.weight`: PEFT's module path. */
  readonly module: string;
  readonly layout: Layout;
  /** Shapes in the file; a magnitude with DoRA alone. */
  readonly shapes: { readonly A: Shape; readonly B: Shape; readonly magnitude: Shape | undefined };
  readonly scale: number;
  readonly dropout: number;
}

const suffix = '.weight';

/** A and B of a weight: a convolution like the base's to r channels, then a linear or 1×1 one (peft/tuners/lora/layer.py). */
function updateShapes(shape: Shape, r: number, dora: boolean): LoraTarget['shapes'] {
  const [out = 1, inputs = 1, ...kernel] = shape;
  const magnitude = kernel.length === 0 ? [out] : [1, out, ...kernel.map(() => 1)];
  return {
    A: [r, inputs, ...kernel],
    B: [out, r, ...kernel.map(() => 1)],
    magnitude: dora ? magnitude : undefined,
  };
}

function refuse(module: string, got: string, fix: string): never {
  throw new BadInput({ where: `LoRA target ${module}`, expected: 'a linear or convolution weight', got, fix });
}

function checkAdaptable(module: string, shape: Shape, layout: Layout): void {
  const fix = 'narrow target_modules';
  if (layout === 'depthwise') refuse(module, 'a depthwise kernel, whose low-rank update cannot be merged', fix);
  if (/(^|\.)head\.attention\.out_proj$/.test(module)) {
    // torch's MultiheadAttention reads this weight past PEFT's wrapper: PEFT's forward ignores what its merge adds.
    refuse(module, 'the projection of torch.nn.MultiheadAttention, which PEFT adapts only when merging', fix);
  }
  if (!isMatrix(module + suffix, { shape, layout }) && layout !== 'conv') {
    refuse(module, `a parameter [${shape.join(', ')}]`, fix);
  }
}

/** PEFT's `all-linear`: every torch.nn.Linear of the model by its whole path (peft/tuners/tuners_utils.py). */
function withLinearLayers(spec: Spec, config: LoraConfig, prefix: string): LoraConfig {
  const { target_modules } = config;
  if (typeof target_modules !== 'string' || target_modules.toLowerCase() !== 'all-linear') return config;
  const linear = [...flattenSpec(spec)].filter(([path, param]) => param.layout === 'same' && isMatrix(path, param));
  return { ...config, target_modules: linear.map(([path]) => prefix + path.slice(0, -suffix.length)) };
}

/**
 * The weights of a model that a configuration adapts, perhaps none; `prefix` stands before the module paths the patterns see.
 * @throws BadInput for a weight that cannot be adapted.
 */
export function findLoraTargets(spec: Spec, config: LoraConfig, prefix = ''): LoraTarget[] {
  const isTarget = targets(withLinearLayers(spec, config, prefix));
  const found: LoraTarget[] = [];
  for (const [path, { shape, layout }] of flattenSpec(spec)) {
    const module = path.slice(0, -suffix.length);
    if (!path.endsWith(suffix) || !isTarget(prefix + module)) continue;
    checkAdaptable(module, shape, layout);
    const { r, scale } = rankAndScale(config, prefix + module);
    const shapes = updateShapes(shape, r, config.use_dora);
    found.push({ path, module, layout, shapes, scale, dropout: config.lora_dropout });
  }
  return found;
}

/** {@link findLoraTargets} of a configuration that has to choose some. @throws BadInput also when it chooses none. */
export function loraTargets(spec: Spec, config: LoraConfig, prefix = ''): LoraTarget[] {
  const found = findLoraTargets(spec, config, prefix);
  if (found.length > 0) return found;
  throw new BadInput({
    where: 'LoRA field target_modules',
    expected: 'a choice of the model’s modules',
    got: `${JSON.stringify(config.target_modules)}, which chooses none`,
  });
}

/** B's layout in memory: always a linear weight `[out, r]`. */
export function layoutOfB(layout: Layout): Layout {
  return layout === 'same' ? 'same' : 'conv1x1';
}

/** PEFT chooses modules to save by the end of their names, also in the middle of a part; targets by whole parts. */
function refuseBoth(module: string): never {
  throw new BadInput({
    where: 'LoRA field modules_to_save',
    expected: 'modules that target_modules does not choose too',
    got: `a name that ${module} ends with`,
    fix: 'write the names out to a dot',
  });
}

/**
 * The parameters that a configuration trains as they are, by path, with their names in PEFT's file: those of the modules
 * to save, and biases, which PEFT finds below `base_layer` where the module is adapted (peft/tuners/tuners_utils.py).
 * @throws BadInput for a module to save that the model does not have.
 */
export function trainedInFull(spec: Spec, config: LoraConfig, prefix = ''): Map<string, string> {
  const adapted = new Set(findLoraTargets(spec, config, prefix).map(({ module }) => module));
  const found = new Map<string, string>();
  const saved: string[] = [];
  for (const path of flattenSpec(spec).keys()) {
    const savedModule = savedModuleOf(config, prefix + path);
    const module = path.replace(/\.bias$/, '');
    if (savedModule !== undefined) {
      if (path.endsWith(suffix) && adapted.has(path.slice(0, -suffix.length))) refuseBoth(savedModule);
      saved.push(savedModule);
      found.set(path, path);
    } else if (module !== path && adapted.has(module) && config.bias !== 'none') {
      found.set(path, `${module}.base_layer.bias`);
    } else if (module !== path && config.bias === 'all') {
      found.set(path, path);
    }
  }
  for (const name of config.modules_to_save ?? []) {
    if (saved.some((module) => module.endsWith(name))) continue;
    const where = 'LoRA field modules_to_save';
    throw new BadInput({ where, expected: 'names of the model’s modules', got: `${name}, which is none` });
  }
  return found;
}
