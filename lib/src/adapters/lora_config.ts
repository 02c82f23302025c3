import { isJsonObject, type JsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';

/** The fields of PEFT's LoraConfig that change what is computed, under PEFT's names (peft/tuners/lora/config.py). */
export interface LoraConfig {
  readonly peft_type: 'LORA';
  /** The weights that the adapter was trained on. */
  readonly base_model_name_or_path: string | null;
  /** Rank of the update. */
  readonly r: number;
  readonly lora_alpha: number;
  readonly lora_dropout: number;
  /**
   * A string is a regular expression that matches a whole module path, or `all-linear`; a list holds whole paths or their
   * last parts.
   */
  readonly target_modules: string | readonly string[];
  /** As target_modules; takes modules out again. */
  readonly exclude_modules: string | readonly string[] | null;
  /** Of the modules that a list of target_modules chooses by their last parts, those in layers of these numbers alone. */
  readonly layers_to_transform: number | readonly number[] | null;
  /** Regular expressions for what stands before a layer's number; without any, the second part of a path or a later one. */
  readonly layers_pattern: string | readonly string[] | null;
  /** Rank by regular expression on the module path; the first that matches wins. */
  readonly rank_pattern: Readonly<Record<string, number>>;
  readonly alpha_pattern: Readonly<Record<string, number>>;
  /** Scales by alpha/√r instead of alpha/r (Kalajdzievski 2023, arXiv:2312.03732). */
  readonly use_rslora: boolean;
  /** Stretches the updated weight of each output to a trained length (DoRA, Liu et al. 2024, arXiv:2402.09353). */
  readonly use_dora: boolean;
  /** Biases trained beside the updates: none, every `.bias`, or those of the adapted modules. */
  readonly bias: 'none' | 'all' | 'lora_only';
  /** Last parts of the names of modules that are trained in full and saved with the adapter. */
  readonly modules_to_save: readonly string[] | null;
}

/** PEFT's defaults for everything but the modules. */
export function loraConfig(
  fields: Partial<LoraConfig> & Pick<LoraConfig, 'target_modules'>,
  where = 'LoRA configuration',
): LoraConfig {
  return parseLoraConfig({ ...fields }, where);
}

/** Fields that say where an adapter comes from, or that PEFT reads only beside a field that is refused. */
const informative = new Set([
  'auto_mapping',
  'eva_config',
  'inference_mode',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'revision',
  'task_type',
]);

/** `init_lora_weights` that leave the base as it is (PiSSA, OLoRA and others change it). */
const plainInit: readonly unknown[] = [true, false, 'gaussian', 'orthogonal', 'eva'];

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

const biases: readonly unknown[] = ['none', 'all', 'lora_only'];

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((v) => isText(v) && v !== '');
}

function isModules(value: unknown): boolean {
  return isText(value) || isNames(value);
}

function isRank(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) > 0;
}

function isAlpha(value: unknown): boolean {
  return Number.isFinite(value) && (value as number) > 0;
}

function isRecordOf(accept: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => isJsonObject(value) && Object.values(value).every(accept);
}

function isLayers(value: unknown): boolean {
  return [value].flat().every((v) => Number.isInteger(v) && (v as number) >= 0);
}

function orNull(accept: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === null || accept(value);
}

/** Reads fields one by one, each with the sentence for what it should have been. */
function fieldReader(fields: Readonly<Record<string, unknown>>, where: string) {
  return <T>(name: string, fallback: T | undefined, expected: string, accept: (value: unknown) => boolean): T => {
    const value = fields[name] ?? fallback;
    if (accept(value)) return value as T;
    throw new BadInput({ where: `${where}, field ${name}`, expected, got: JSON.stringify(value) ?? 'nothing' });
  };
}

/** Layers are chosen among what a list of modules does, by PEFT's rule (LoraConfig.__post_init__). */
function checkLayers({ target_modules, layers_to_transform, layers_pattern }: LoraConfig, where: string): void {
  const fail = (field: string, expected: string, got: unknown): never => {
    throw new BadInput({ where: `${where}, field ${field}`, expected, got: JSON.stringify(got) });
  };
  if (typeof target_modules === 'string' && layers_to_transform !== null) {
    fail('layers_to_transform', 'null beside target_modules as a text', layers_to_transform);
  }
  if (layers_to_transform === null && layers_pattern !== null && layers_pattern.length > 0) {
    fail('layers_pattern', 'null without layers_to_transform', layers_pattern);
  }
}

/** Everything that is set has to be honoured or say nothing of the computation. */
function checkUnknown(json: JsonObject, honoured: readonly string[], where: string): void {
  const known = new Set([...honoured, ...informative]);
  for (const [name, value] of Object.entries(json)) {
    if (known.has(name) || isEmpty(value)) continue;
    throw new BadInput({
      where: `${where}, field ${name}`,
      expected: 'nothing, since this field is not honoured here',
      got: JSON.stringify(value),
      fix: 'train the adapter without it',
    });
  }
}

/**
 * A configuration as PEFT writes it to adapter_config.json.
 * @throws BadInput naming a field that is malformed, or that is set and not honoured here.
 */
export function parseLoraConfig(json: unknown, where: string): LoraConfig {
  if (!isJsonObject(json)) {
    throw new BadInput({ where, expected: 'an object of LoRA fields', got: JSON.stringify(json) });
  }
  const read = fieldReader(json, where);
  const modules = 'a regular expression or a list of module names';
  const config: LoraConfig = {
    peft_type: read('peft_type', 'LORA', '"LORA"', (v) => v === 'LORA'),
    base_model_name_or_path: read('base_model_name_or_path', null, 'null or a text', orNull(isText)),
    r: read('r', 8, 'a positive integer', isRank),
    lora_alpha: read('lora_alpha', 8, 'a positive number', isAlpha),
    lora_dropout: read('lora_dropout', 0, 'a number in [0, 1)', (v) => typeof v === 'number' && v >= 0 && v < 1),
    target_modules: read<string | readonly string[]>('target_modules', undefined, modules, isModules),
    exclude_modules: read('exclude_modules', null, `null, ${modules}`, orNull(isModules)),
    layers_to_transform: read(
      'layers_to_transform',
      null,
      'null, a layer’s number or a list of some',
      orNull(isLayers),
    ),
    layers_pattern: read('layers_pattern', null, `null, ${modules}`, orNull(isModules)),
    rank_pattern: read('rank_pattern', {}, 'positive integers by regular expression', isRecordOf(isRank)),
    alpha_pattern: read('alpha_pattern', {}, 'positive numbers by regular expression', isRecordOf(isAlpha)),
    use_rslora: read('use_rslora', false, 'true or false', (v) => typeof v === 'boolean'),
    use_dora: read('use_dora', false, 'true or false', (v) => typeof v === 'boolean'),
    bias: read('bias', 'none', '"none", "all" or "lora_only"', (v) => biases.includes(v)),
    modules_to_save: read('modules_to_save', null, 'null or a list of module names', orNull(isNames)),
  };
  const init = `one of ${plainInit.map((v) => JSON.stringify(v)).join(', ')}, which leave the base weights alone`;
  read('init_lora_weights', true, init, (v) => plainInit.includes(v));
  checkLayers(config, where);
  checkUnknown(json, [...Object.keys(config), 'init_lora_weights'], where);
  return config;
}
