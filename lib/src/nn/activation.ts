import * as tf from '@tensorflow/tfjs';
import { gelu } from '../ops/gelu.js';

type Activation = (x: tf.Tensor) => tf.Tensor;

const geluTanh: Activation = (x) => gelu(x, 'tanh');
const silu: Activation = (x) => tf.mul(x, tf.sigmoid(x));

/** By the names of transformers (activations.py, ACT2FN) and timm (layers/create_act.py). */
const activations: ReadonlyMap<string, Activation> = new Map<string, Activation>([
  ['gelu', (x) => gelu(x, 'erf')],
  ['gelu_python', (x) => gelu(x, 'erf')],
  ['gelu_pytorch_tanh', geluTanh],
  ['gelu_tanh', geluTanh],
  ['gelu_new', geluTanh],
  ['gelu_fast', geluTanh],
  ['gelu_accurate', geluTanh],
  ['quick_gelu', (x) => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702)))],
  ['relu', (x) => tf.relu(x)],
  ['relu2', (x) => tf.square(tf.relu(x))],
  ['relu6', (x) => tf.relu6(x)],
  ['leaky_relu', (x) => tf.leakyRelu(x, 0.01)],
  ['silu', silu],
  ['swish', silu],
  ['mish', (x) => tf.mul(x, tf.tanh(tf.softplus(x)))],
  ['hard_swish', (x) => tf.mul(x, tf.div(tf.relu6(tf.add(x, 3)), 6))],
  ['sigmoid', (x) => tf.sigmoid(x)],
  ['tanh', (x) => tf.tanh(x)],
  ['linear', (x) => x],
]);

/** The names {@link activation} knows. */
export const activationNames: readonly string[] = [...activations.keys()];

/** An activation by its name in the model's configuration; x of any shape, result owned by the caller. */
export function activation<T extends tf.Tensor>(x: T, name: string): T {
  const f = activations.get(name);
  if (f === undefined) throw new Error(`unknown activation ${name}; known are ${activationNames.join(', ')}`);
  return tf.tidy(() => f(x)) as T;
}
