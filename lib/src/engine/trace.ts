import * as tf from '@tensorflow/tfjs';
import { randomUUID } from 'node:crypto';
import { handleOf, type GraphBinding, type NodeBackend } from './binding.js';
import { isSymbolic, SymbolicGraph, type Source } from './symbolic_graph.js';
import { mapTensors, tensorsOf, type TensorResult } from './tensor_result.js';
import { VariableSnapshot } from './variable_snapshot.js';

/** A function as one TensorFlow operation. */
export interface Plan<R extends TensorResult> {
  /** The operation's name. */
  readonly name: string;
  readonly sources: readonly Source[];
  /** The operation's number of outputs: the results, then the new values of `state`. */
  readonly outputs: number;
  /** The variables the function assigns. */
  readonly state: readonly tf.Variable[];
  /** The function's result out of the first outputs, in its own structure. */
  readonly assemble: (outputs: readonly tf.Tensor[]) => R;
  /** Numbers of values of the constants built in. */
  readonly constants: readonly number[];
}

let tracing = false;

/** Whether a function is being traced now. */
export function isTracing(): boolean {
  return tracing;
}

/** GatherV2 without the check of its indices, which would read them; TensorFlow's CPU kernel checks them when it runs. */
const gatherWithoutReading: tf.KernelFunc = ({ inputs, attrs }) => {
  const { x, indices } = inputs as { x: tf.Tensor; indices: tf.Tensor };
  const { axis, batchDims } = attrs as unknown as { axis: number; batchDims: number };
  const backend = tf.backend() as unknown as NodeBackend;
  return tf.tidy(() => {
    const batch = { name: 'batch_dims', type: backend.binding.TF_ATTR_INT, value: batchDims };
    return backend.executeMultipleOutputs('GatherV2', [batch], [x, indices, tf.scalar(axis, 'int32')], 1);
  })[0] as tf.Tensor;
};

/** Runs `work` with operations recorded into the graph instead of executed. */
function record<T>(backend: NodeBackend, real: GraphBinding, graph: SymbolicGraph, work: () => T): T {
  const gather = tf.getKernel('GatherV2', 'tensorflow');
  const readingGather = gather.kernelFunc;
  const recording = graph.binding();
  const { move, getInputTensorIds } = backend;
  const madeInside = new WeakSet<object>();
  backend.move = (dataId, ...rest) => {
    madeInside.add(dataId);
    move.call(backend, dataId, ...rest);
  };
  // Values of tensors from before the trace that wait for their first use belong to captured tensors, not to constants.
  backend.getInputTensorIds = (tensors) => {
    for (const tensor of tensors) {
      if (madeInside.has(tensor.dataId) || backend.tensorMap.get(tensor.dataId).values === null) continue;
      backend.binding = real;
      getInputTensorIds.call(backend, [tensor]);
      backend.binding = recording;
    }
    return getInputTensorIds.call(backend, tensors);
  };
  backend.binding = recording;
  gather.kernelFunc = gatherWithoutReading;
  tracing = true;
  try {
    return work();
  } finally {
    tracing = false;
    gather.kernelFunc = readingGather;
    backend.binding = real;
    Reflect.deleteProperty(backend, 'move');
    Reflect.deleteProperty(backend, 'getInputTensorIds');
  }
}

/** Frees what a plan holds: its operation and the tensors it captured. */
export function disposePlan(real: GraphBinding, { name, sources }: Pick<Plan<TensorResult>, 'name' | 'sources'>): void {
  real.removeFunction(name);
  releaseCaptured(sources);
}

function releaseCaptured(sources: readonly Source[]): void {
  for (const source of sources) if (source.kind === 'tensor') source.tensor.dispose();
}

/** Apart from `trace`, so that a plan keeps the structure of a result alive but not the recorded graph. */
function assemblerOf<R extends TensorResult>(result: R): Plan<R>['assemble'] {
  return (outputs) => mapTensors(result, (_, i) => outputs[i] as tf.Tensor);
}

/**
 * Records a function of tensors as one TensorFlow operation. The function runs once on symbolic tensors; nothing is
 * computed and no variable changes.
 * @throws Error when it reads a value, makes a variable, or has a shape that depends on values.
 */
export function trace<A extends tf.Tensor[], R extends TensorResult>(
  backend: NodeBackend,
  real: GraphBinding,
  fn: (...inputs: A) => R,
  inputs: A,
): Plan<R> {
  const variables = new VariableSnapshot(backend);
  const graph = new SymbolicGraph(backend, real, (handle) => variables.variableOf(handle));
  const symbols = inputs.map((tensor, index) => graph.argument(tensor, index));
  let results: tf.Tensor[] = [];
  try {
    return record(backend, real, graph, () => {
      const result = tf.tidy(() => fn(...(symbols as A)) as tf.TensorContainer) as R;
      results = tensorsOf(result);
      const created = variables.created().map(({ name }) => name);
      if (created.length > 0) {
        throw new Error(`a compiled function cannot make variables; make ${created.join(', ')} before the first call`);
      }
      const assigned = variables.assigned();
      const handles = [...results.map((tensor) => handleOf(backend, tensor)), ...assigned.map(({ handle }) => handle)];
      const name = `ncore_${randomUUID().replaceAll('-', '_')}`;
      graph.register(name, handles);
      return {
        name,
        sources: graph.sources,
        outputs: handles.length,
        state: assigned.map(({ variable }) => variable),
        assemble: assemblerOf(result),
        constants: graph.constants,
      };
    });
  } catch (error) {
    releaseCaptured(graph.sources);
    throw error;
  } finally {
    for (const tensor of [...symbols, ...results]) {
      const own = !tensor.isDisposed && !(tensor instanceof tf.Variable);
      if (own && isSymbolic(backend.tensorMap.get(tensor.dataId).id)) tensor.dispose();
    }
    variables.restore();
  }
}
