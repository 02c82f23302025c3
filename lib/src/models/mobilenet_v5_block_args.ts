import { isJsonObject, type JsonObject } from '../files/json.js';
import { BadInput } from '../host/errors.js';

/** The letters by which block strings name timm's arguments of each block type. */
const letters: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  er: { exp_kernel_size: 'k', stride: 's', exp_ratio: 'e', out_chs: 'c' },
  uir: {
    dw_kernel_size_start: 'a',
    dw_kernel_size_mid: 'k',
    dw_kernel_size_end: 'p',
    stride: 's',
    exp_ratio: 'e',
    out_chs: 'c',
  },
  mqa: { dw_kernel_size: 'k', num_heads: 'h', kv_stride: 'v', stride: 's', key_dim: 'd', out_chs: 'c' },
};

/** The value that an argument without a letter has in every MobileNetV5. */
function impliedValue(name: string, args: JsonObject): unknown {
  const implied: JsonObject = { act_layer: null, se_ratio: 0, force_in_chs: 0, pw_kernel_size: 1 };
  return name === 'value_dim' ? args['key_dim'] : implied[name];
}

function blockString(args: unknown, where: string): string {
  const fail = (name: string, expected: string, got: unknown): never => {
    throw new BadInput({ where: `${where}, ${name}`, expected, got: JSON.stringify(got) ?? 'nothing' });
  };
  if (!isJsonObject(args)) return fail('the block', 'an object', args);
  const { block_type: type, noskip = false, ...others } = args;
  const known = typeof type === 'string' ? letters[type] : undefined;
  if (known === undefined) return fail('block_type', `one of ${Object.keys(letters).join(', ')}`, type);
  const options = Object.entries(others).flatMap(([name, value]) => {
    const letter = known[name];
    if (letter === undefined) {
      const implied = impliedValue(name, others);
      return value === implied ? [] : fail(name, JSON.stringify(implied) ?? 'no such argument', value);
    }
    return typeof value === 'number' && value >= 0 ? [`${letter}${value}`] : fail(name, 'a number', value);
  });
  return [type, 'r1', ...options, ...(noskip === true ? ['noskip'] : [])].join('_');
}

/**
 * timm's decoded `block_args` (lists of blocks by stage, as Gemma 3n's `model_args` may hold them) as the definition strings
 * that they come from.
 * @throws BadInput naming the stage, block and argument that no MobileNetV5 has.
 */
export function blockStrings(stages: unknown, where: string): string[][] {
  if (!Array.isArray(stages) || !stages.every(Array.isArray)) {
    throw new BadInput({ where, expected: 'a list of lists of blocks', got: JSON.stringify(stages) ?? 'nothing' });
  }
  return stages.map((blocks, s) =>
    (blocks as unknown[]).map((args, b) => blockString(args, `${where}, stage ${s}, block ${b}`)),
  );
}
