import type * as tf from '@tensorflow/tfjs';
import { isGraphBinding, nodeBackend, type OpAttribute } from './binding.js';

/** Attributes of a TensorFlow operation by name, each with its kind. */
export interface NativeAttributes {
  readonly [name: string]:
    { readonly float: number } | { readonly int: number } | { readonly bool: boolean } | { readonly type: tf.DataType };
}

/** Whether functions can be compiled here: TensorFlow computes and its addon has the project's additions. */
export function hasGraphFunctions(): boolean {
  const backend = nodeBackend();
  return backend !== undefined && isGraphBinding(backend.binding);
}

/** Whether a fused operation of lib/native can be used here: on a CPU, with the addon that has it; `NCORE_FUSED=0` says no. */
export function hasNativeOp(name: string): boolean {
  const binding = nodeBackend()?.binding;
  if (binding === undefined || !isGraphBinding(binding) || process.env['NCORE_FUSED'] === '0') return false;
  return binding.nativeOps.includes(name) && !binding.isUsingGpuDevice();
}

/**
 * Runs a TensorFlow operation by its name; the caller owns the `outputs` tensors it gives. No gradient is known for it.
 * @throws Error where TensorFlow does not compute.
 */
export function nativeOp(
  name: string,
  attributes: NativeAttributes,
  inputs: readonly tf.Tensor[],
  outputs: number,
): tf.Tensor[] {
  const backend = nodeBackend();
  if (backend === undefined) throw new Error(`operation ${name} needs the TensorFlow engine`);
  const encode = ([key, value]: [string, NativeAttributes[string]]): OpAttribute => {
    const { binding } = backend;
    if ('float' in value) return { name: key, type: binding.TF_ATTR_FLOAT, value: value.float };
    if ('int' in value) return { name: key, type: binding.TF_ATTR_INT, value: value.int };
    if ('bool' in value) return { name: key, type: binding.TF_ATTR_BOOL, value: value.bool };
    return { name: key, type: binding.TF_ATTR_TYPE, value: backend.getDTypeInteger(value.type) };
  };
  return backend.executeMultipleOutputs(name, Object.entries(attributes).map(encode), inputs, outputs);
}
