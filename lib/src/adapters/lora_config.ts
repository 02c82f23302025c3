import { isJsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';

/** The fields of PEFT's LoraConfig that change what is computed, under PEFT's names (peft/tuners/lora/config.py). */
export interface LoraConfig {
  readonly peft_type: 'LORA';
  /** Rank of the update. */
  readonly r: number;
  readonly lora_alpha: number;
  readonly lora_dropout: number;
  /** A string is a regular expression that matches a whole module path; a list holds whole paths or their last parts. */
  readonly target_modules: string | readonly string[];
  /** As target_modules; takes modules out again. */
  readonly exclude_modules: string | readonly string[] | null;
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
  'base_model_name_or_path',
  'inference_mode',
  'layers_pattern',
  'megatron_core',
  'peft_version',
  'qalora_group_size',
  'revision',
  'task_type',
]);

/** `init_lora_weights` that leave the base as it is (PiSSA, OLoRA and others change it). */
const plainInit: readonly unknown[] = [true, false, 'gaussian', null, undefined];

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

const biases: readonly unknown[] = ['none', 'all', 'lora_only'];

function isNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((v) => typeof v === 'string' && v !== '');
}

function isModules(value: unknown): boolean {
  return typeof value === 'string' || isNames(value);
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

/** Reads fields one by one, each with the sentence for what it should have been. */
function fieldReader(fields: Readonly<Record<string, unknown>>, where: string) {
  return <T>(name: string, fallback: T | undefined, expected: string, accept: (value: unknown) => boolean): T => {
    const value = fields[name] ?? fallback;
    if (accept(value)) return value as T;
    throw new BadInput({ where: `${where}, field ${name}`, expected, got: JSON.stringify(value) ?? 'nothing' });
  };
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
    r: read('r', 8, 'a positive integer', isRank),
    lora_alpha: read('lora_alpha', 8, 'a positive number', isAlpha),
    lora_dropout: read('lora_dropout', 0, 'a number in [0, 1)', (v) => typeof v === 'number' && v >= 0 && v < 1),
    target_modules: read<string | readonly string[]>('target_modules', undefined, modules, isModules),
    exclude_modules: read('exclude_modules', null, `null, ${modules}`, (v) => v === null || isModules(v)),
    rank_pattern: read('rank_pattern', {}, 'positive integers by regular expression', isRecordOf(isRank)),
    alpha_pattern: read('alpha_pattern', {}, 'positive numbers by regular expression', isRecordOf(isAlpha)),
    use_rslora: read('use_rslora', false, 'true or false', (v) => typeof v === 'boolean'),
    use_dora: read('use_dora', false, 'true or false', (v) => typeof v === 'boolean'),
    bias: read('bias', 'none', '"none", "all" or "lora_only"', (v) => biases.includes(v)),
    modules_to_save: read('modules_to_save', null, 'null or a list of module names', (v) => v === null || isNames(v)),
  };
  read('init_lora_weights', true, 'true, false or "gaussian", which leave the base weights alone', (v) =>
    plainInit.includes(v),
  );
  const known = new Set([...Object.keys(config), ...informative, 'init_lora_weights']);
  for (const [name, value] of Object.entries(json)) {
    if (known.has(name) || isEmpty(value)) continue;
    throw new BadInput({
      where: `${where}, field ${name}`,
      expected: 'nothing, since this field is not honoured here',
      got: JSON.stringify(value),
      fix: 'train the adapter without it',
    });
  }
  return config;
}

function compile(pattern: string, around: (source: string) => string, field: string): RegExp {
  try {
    return new RegExp(around(pattern));
  } catch (cause) {
    throw new BadInput(
      { where: `LoRA field ${field}`, expected: 'a regular expression', got: JSON.stringify(pattern) },
      { cause },
    );
  }
}

/** Whether a field of module names chooses a module (peft/tuners/tuners_utils.py, check_target_module_exists). */
function chooses(modules: string | readonly string[], field: string): (module: string) => boolean {
  if (typeof modules === 'string') {
    const whole = compile(modules, (source) => `^(?:${source})$`, field);
    return (module) => whole.test(module);
  }
  return (module) => modules.some((name) => module === name || module.endsWith(`.${name}`));
}

/** Whether a configuration adapts a module; nothing in a module that is trained in full is adapted. */
export function targets(config: LoraConfig): (module: string) => boolean {
  const chosen = chooses(config.target_modules, 'target_modules');
  const excluded = chooses(config.exclude_modules ?? [], 'exclude_modules');
  const inSaved = (config.modules_to_save ?? []).map((name) =>
    compile(name, (source) => `^(.*\\.)?(${source})($|\\.)`, 'modules_to_save'),
  );
  return (module) => chosen(module) && !excluded(module) && !inSaved.some((pattern) => pattern.test(module));
}

/** The saved module that holds a parameter, e.g. `head` for `head.attention.in_proj_weight` (peft/utils/other.py). */
export function savedModuleOf({ modules_to_save }: LoraConfig, path: string): string | undefined {
  const names = modules_to_save ?? [];
  const parts = path.split('.').slice(0, -1);
  const modules = parts.map((_, i) => parts.slice(0, i + 1).join('.'));
  return modules.find((module) => names.some((name) => module.endsWith(name)));
}

function firstMatch(pattern: Readonly<Record<string, number>>, field: string, module: string): number | undefined {
  for (const [key, value] of Object.entries(pattern)) {
    if (compile(key, (source) => `^(.*\\.)?(${source})$`, field).test(module)) return value;
  }
  return undefined;
}

/** Rank and scale (alpha/r, rsLoRA alpha/√r) of one module's update. */
export function rankAndScale(config: LoraConfig, module: string): { r: number; scale: number } {
  const r = firstMatch(config.rank_pattern, 'rank_pattern', module) ?? config.r;
  const alpha = firstMatch(config.alpha_pattern, 'alpha_pattern', module) ?? config.lora_alpha;
  return { r, scale: alpha / (config.use_rslora ? Math.sqrt(r) : r) };
}
