import { BadInput } from '../host/errors.js';
import type { LoraConfig } from './lora_config.js';

/** What Python reads otherwise than JavaScript, which takes it for a letter or for the text itself. */
const pythonAlone = /\\[AZ]|\{,\d/;

/** PEFT's patterns are Python's regular expressions: one that is none in JavaScript, or another, is refused. */
function compile(pattern: string, around: (source: string) => string, field: string): RegExp {
  const fail = (cause?: unknown): never => {
    const expected = 'a regular expression that Python and JavaScript read alike';
    throw new BadInput({ where: `LoRA field ${field}`, expected, got: JSON.stringify(pattern) }, { cause });
  };
  if (pythonAlone.test(pattern)) fail();
  try {
    return new RegExp(around(pattern));
  } catch (cause) {
    return fail(cause);
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

/** Whether layers_to_transform has a module that target_modules chose by a last part of its path. */
function inLayers({ layers_to_transform, layers_pattern }: LoraConfig): (module: string) => boolean {
  const layers = new Set([layers_to_transform ?? []].flat());
  if (layers.size === 0) return () => true;
  const given = [layers_pattern ?? []].flat().filter((pattern) => pattern !== '');
  const sources = given.length > 0 ? given.map((pattern) => `(?:^|.*?\\.)${pattern}`) : ['.*?\\.[^.]*'];
  const patterns = sources.map((one) => compile(one, (source) => `^${source}\\.(?<layer>\\d+)\\.`, 'layers_pattern'));
  return (module) => {
    const found = patterns.map((pattern) => pattern.exec(module)).find((match) => match !== null);
    return layers.has(Number(found?.groups?.['layer'] ?? NaN));
  };
}

/** Whether target_modules and layers_to_transform choose a module; a whole path is chosen in whatever layer it lies. */
function isChosen(config: LoraConfig): (module: string) => boolean {
  const { target_modules } = config;
  const chosen = chooses(target_modules, 'target_modules');
  const inLayer = inLayers(config);
  return (module) => chosen(module) && (inLayer(module) || target_modules.includes(module));
}

/** Whether a configuration adapts a module; nothing in a module that is trained in full is adapted. */
export function targets(config: LoraConfig): (module: string) => boolean {
  const chosen = isChosen(config);
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
