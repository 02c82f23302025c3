import type { Initializer, Shape } from './spec.js';
import { sizeOf } from './spec.js';
import { Random, type Key } from './random.js';

/** (fan_in, fan_out) of a weight in the checkpoint's layout `[out, in, …kernel]`, as torch.nn.init computes them. */
function fans(shape: Shape): { fanIn: number; fanOut: number } {
  const [out = 1, inputs = 1, ...kernel] = shape;
  const area = sizeOf(kernel);
  return { fanIn: inputs * area, fanOut: out * area };
}

/** Values drawn one after the other. */
function drawn(key: Key, shape: Shape, draw: (random: Random) => number): Float32Array {
  const random = new Random(key);
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = draw(random);
  return values;
}

/** Every value the same (norm weights 1, biases 0, layer scale 1e-5). */
export function constant(value: number): Initializer {
  return (_key, shape) => new Float32Array(sizeOf(shape)).fill(value);
}

/** Normal with the given standard deviation. */
export function normal(std: number): Initializer {
  return (key, shape) => drawn(key, shape, (random) => std * random.normal());
}

/** Uniform in ±limit(fans). */
function uniform(limit: (f: { fanIn: number; fanOut: number }) => number): Initializer {
  return (key, shape) => {
    const bound = limit(fans(shape));
    return drawn(key, shape, (random) => bound * (2 * random.uniform() - 1));
  };
}

/** torch's default for Linear and Conv2d and PEFT's for lora_A: kaiming_uniform(a = √5), i.e. U(±1/√fan_in). */
export const kaimingUniform: Initializer = uniform(({ fanIn }) => 1 / Math.sqrt(fanIn));

/** Xavier uniform: U(±√(6/(fan_in + fan_out))). */
export const xavierUniform: Initializer = uniform(({ fanIn, fanOut }) => Math.sqrt(6 / (fanIn + fanOut)));

/** timm's convolution initialisation: N(0, √(2/fan_out)), fan_out per group (timm/models/_efficientnet_builder.py). */
export const heNormalFanOut: Initializer = (key, shape) => {
  const depthwise = shape.length === 4 && shape[1] === 1;
  const fanOut = depthwise ? (shape[2] ?? 1) * (shape[3] ?? 1) : fans(shape).fanOut;
  return normal(Math.sqrt(2 / fanOut))(key, shape);
};
