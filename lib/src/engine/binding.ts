import * as tf from '@tensorflow/tfjs';

/** What the addon says of a tensor: its handle's id, its shape and TensorFlow's number of its type. */
export interface TensorInfo {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** An attribute of an operation; `type` is one of the binding's TF_ATTR_ numbers. */
export interface OpAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: boolean | number | string | readonly number[];
}

export type TensorValues = tf.backend_util.BackendValues;

/** tfjs-node's addon (binding/tfjs_binding.cc), as far as it is used here. */
export interface Binding {
  createTensor(shape: number[], dtype: number, values: TensorValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): TensorValues;
  executeOp(op: string, attributes: readonly OpAttribute[], inputs: readonly number[], outputs: number): TensorInfo[];
  isUsingGpuDevice(): boolean;
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_INT64: number;
  readonly TF_BOOL: number;
  readonly TF_STRING: number;
  readonly TF_UINT8: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
}

/** A graph under construction; the addon frees it when it is collected. */
export type Graph = object & { readonly brand?: 'graph' };

/** The addon with the project's additions (lib/native). Ids here are numbers of tensors inside a graph. */
export interface GraphBinding extends Binding {
  graphCreate(): Graph;
  graphPlaceholder(graph: Graph, dtype: number, shape: readonly number[]): TensorInfo;
  graphConstant(graph: Graph, shape: readonly number[], dtype: number, values: TensorValues): TensorInfo;
  graphOperation(graph: Graph, op: string, attributes: readonly OpAttribute[], inputs: readonly number[]): TensorInfo[];
  /** Makes the graph an operation called `name`, which {@link Binding.executeOp} then runs. */
  graphRegister(graph: Graph, name: string, inputs: readonly number[], outputs: readonly number[]): void;
  removeFunction(name: string): void;
  executeAsync(op: string, inputs: readonly number[], outputs: number): Promise<TensorInfo[]>;
  /** Names of the fused operations it brings. */
  readonly nativeOps: readonly string[];
}

/** Where tfjs-node's backend keeps a tensor: a handle, or values that wait for their first use. */
export interface TensorRecord {
  readonly id: number;
  readonly values: TensorValues | null;
}

/** tfjs-node's backend with the members that its types keep private. */
export interface NodeBackend {
  binding: Binding;
  readonly tensorMap: { get(dataId: object): TensorRecord };
  move(dataId: object, values: TensorValues, shape: number[], dtype: tf.DataType, refCount: number): void;
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(info: TensorInfo): tf.Tensor;
  executeMultipleOutputs(
    op: string,
    attributes: readonly OpAttribute[],
    inputs: readonly tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
  getDTypeInteger(dtype: tf.DataType): number;
  refCount(dataId: object): number;
}

/** The backend while TensorFlow computes, else undefined. */
export function nodeBackend(): NodeBackend | undefined {
  return tf.getBackend() === 'tensorflow' ? (tf.backend() as unknown as NodeBackend) : undefined;
}

/** Whether an addon has the project's additions. */
export function isGraphBinding(binding: Binding): binding is GraphBinding {
  return 'graphCreate' in binding;
}

/** The id of a tensor's handle; values that waited are uploaded. */
export function handleOf(backend: NodeBackend, tensor: tf.TensorInfo): number {
  return backend.getInputTensorIds([tensor])[0] as number;
}
