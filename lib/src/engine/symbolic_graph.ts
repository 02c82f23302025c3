import * as tf from '@tensorflow/tfjs';
import type { Binding, GraphBinding, NodeBackend, OpAttribute, TensorInfo, TensorValues } from './binding.js';

/** Where an input of a graph function comes from at each call. */
export type Source =
  | { readonly kind: 'argument'; readonly index: number }
  | { readonly kind: 'variable'; readonly variable: tf.Variable }
  | { readonly kind: 'tensor'; readonly tensor: tf.Tensor };

/** Symbolic tensors have handles below −1, which the backend never frees: −2 − number in the graph. */
function encode(id: number): number {
  return -2 - id;
}

export function isSymbolic(handle: number): boolean {
  return handle < -1;
}

/** More equal values than this become a Fill: the gradient of `mean` uploads whole tensors of ones. */
const maxUploadedFill = 8;

function allEqual(values: TensorValues): boolean {
  const first: unknown = values[0];
  return (values as Float32Array).every((value) => Object.is(value, first));
}

/** A TensorFlow graph being recorded, and the binding that records into it instead of executing. */
export class SymbolicGraph {
  readonly sources: Source[] = [];
  /** Numbers of values of the constants that were built in, for a warning. */
  readonly constants: number[] = [];
  private readonly graph;
  private readonly inputs: number[] = [];
  private readonly infos = new Map<number, TensorInfo>();
  private readonly captured = new Map<number, number>();

  constructor(
    private readonly backend: NodeBackend,
    private readonly real: GraphBinding,
    private readonly variableOf: (handle: number) => tf.Variable | undefined,
  ) {
    this.graph = real.graphCreate();
  }

  /** A symbolic tensor for an argument of the function. */
  argument(tensor: tf.Tensor, index: number): tf.Tensor {
    const dtype = this.backend.getDTypeInteger(tensor.dtype);
    const id = this.input(dtype, tensor.shape, { kind: 'argument', index });
    return this.backend.createOutputTensor({ id: encode(id), dtype, shape: tensor.shape.slice() });
  }

  /** Registers the recorded graph as an operation whose outputs are these handles. */
  register(name: string, handles: readonly number[]): void {
    const outputs = handles.map((handle) => this.resolve(handle));
    this.real.graphRegister(this.graph, name, this.inputs, outputs);
  }

  /** The binding to put in the real one's place while the function runs. */
  binding(): Binding {
    const recording: Pick<Binding, 'createTensor' | 'deleteTensor' | 'tensorDataSync' | 'executeOp'> = {
      createTensor: (shape, dtype, values) => encode(this.constant(shape, dtype, values)),
      deleteTensor: (handle) => {
        if (!isSymbolic(handle)) this.real.deleteTensor(handle);
      },
      tensorDataSync: () => {
        throw new Error('a compiled function cannot read the values of a tensor (dataSync, arraySync, data, print)');
      },
      executeOp: (op, attributes, handles) => this.operation(op, attributes, handles),
    };
    const unsupported = {
      runSavedModel: () => {
        throw new Error('a saved model cannot run inside a compiled function');
      },
    };
    // The addon's own properties are read-only, so that plain assignment on an heir would fail.
    return Object.create(this.real, Object.getOwnPropertyDescriptors({ ...recording, ...unsupported })) as Binding;
  }

  private operation(op: string, attributes: readonly OpAttribute[], handles: readonly number[]): TensorInfo[] {
    const inputs = handles.map((handle) => this.resolve(handle));
    // tfjs casts before nearly every operation, mostly to the type the tensor has.
    const first = this.infos.get(inputs[0] ?? -1);
    const target = op === 'Cast' ? attributes.find(({ name }) => name === 'DstT')?.value : undefined;
    if (first !== undefined && target === first.dtype) return [{ ...first, id: encode(first.id) }];
    return this.real
      .graphOperation(this.graph, op, attributes, inputs)
      .map((info) => ({ ...this.remember(info), id: encode(info.id) }));
  }

  private constant(shape: number[], dtype: number, values: TensorValues): number {
    if (!ArrayBuffer.isView(values)) throw new Error('a compiled function cannot make string tensors');
    if (dtype === this.real.TF_INT64) throw new Error('a compiled function cannot make 64-bit integers');
    if (values.length > maxUploadedFill && allEqual(values)) return this.fill(shape, dtype, values.slice(0, 1));
    this.constants.push(values.length);
    return this.remember(this.real.graphConstant(this.graph, shape, dtype, values)).id;
  }

  private fill(shape: number[], dtype: number, value: TensorValues): number {
    const { real } = this;
    const dims = real.graphConstant(this.graph, [shape.length], real.TF_INT32, Int32Array.from(shape));
    const scalar = real.graphConstant(this.graph, [], dtype, value);
    const [filled] = real.graphOperation(this.graph, 'Fill', [], [dims.id, scalar.id]);
    return this.remember(filled as TensorInfo).id;
  }

  private input(dtype: number, shape: readonly number[], source: Source): number {
    const { id } = this.remember(this.real.graphPlaceholder(this.graph, dtype, shape));
    this.sources.push(source);
    this.inputs.push(id);
    return id;
  }

  /** The number in the graph of a symbolic handle, or of a real one, which thereby becomes an input. */
  private resolve(handle: number): number {
    if (isSymbolic(handle)) return encode(handle);
    const known = this.captured.get(handle);
    if (known !== undefined) return known;
    const id = this.capture(handle);
    this.captured.set(handle, id);
    return id;
  }

  private capture(handle: number): number {
    const variable = this.variableOf(handle);
    if (variable !== undefined) {
      const dtype = this.backend.getDTypeInteger(variable.dtype);
      return this.input(dtype, variable.shape, { kind: 'variable', variable });
    }
    // A handle of the function's own on the same memory, which outlives the tensor that was captured.
    const [own] = this.real.executeOp('Identity', [], [handle], 1) as [TensorInfo];
    const tensor = tf.keep(this.backend.createOutputTensor(own));
    return this.input(own.dtype, own.shape, { kind: 'tensor', tensor });
  }

  private remember(info: TensorInfo): TensorInfo {
    this.infos.set(info.id, info);
    return info;
  }
}
