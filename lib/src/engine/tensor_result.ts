import * as tf from '@tensorflow/tfjs';

/** What a compiled function may return. */
export type TensorResult = tf.Tensor | readonly tf.Tensor[] | { readonly [name: string]: tf.Tensor };

/** The tensors of a result in their order. */
export function tensorsOf(result: TensorResult): tf.Tensor[] {
  if (result instanceof tf.Tensor) return [result];
  return Object.values(result) as tf.Tensor[];
}

/** A result of the same structure with every tensor replaced. */
export function mapTensors<R extends TensorResult>(result: R, f: (tensor: tf.Tensor, index: number) => tf.Tensor): R {
  if (result instanceof tf.Tensor) return f(result, 0) as TensorResult as R;
  if (Array.isArray(result)) return (result as readonly tf.Tensor[]).map(f) as TensorResult as R;
  const entries = Object.entries(result as { readonly [name: string]: tf.Tensor });
  return Object.fromEntries(entries.map(([name, tensor], i) => [name, f(tensor, i)])) as TensorResult as R;
}
