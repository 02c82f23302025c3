import * as tf from '@tensorflow/tfjs';
import { warn } from '../host/log.js';
import {
  handleOf,
  isGraphBinding,
  nodeBackend,
  type GraphBinding,
  type NodeBackend,
  type TensorInfo,
} from './binding.js';
import type { Source } from './symbolic_graph.js';
import { mapTensors, type TensorResult } from './tensor_result.js';
import { disposePlan, isTracing, trace, type Plan } from './trace.js';

export interface CompileOptions {
  /** For messages. */
  readonly name?: string;
  /** How many combinations of dtypes and shapes are kept; the least recently used one gives way. Default 8. */
  readonly maxPlans?: number;
  /** Constants of more values than this are reported once a plan, since what changes must be an argument. Default 1024. */
  readonly largeConstant?: number;
}

/** A function of tensors that runs as one TensorFlow operation where that is possible. */
export interface Compiled<A extends tf.Tensor[], R extends TensorResult> {
  (...inputs: A): R;
  /** The same without blocking the event loop; one call at a time. */
  async(...inputs: A): Promise<R>;
  /** Frees the compiled operations and what they captured; a later call compiles anew. */
  dispose(): void;
}

interface Engine {
  readonly backend: NodeBackend;
  readonly binding: GraphBinding;
}

/** The engine when a function can run compiled now: not inside a trace (it is inlined) and not under a gradient's tape. */
function compilingEngine(): Engine | undefined {
  const backend = nodeBackend();
  if (backend === undefined || isTracing() || tf.engine().state.gradientDepth > 0) return undefined;
  return isGraphBinding(backend.binding) ? { backend, binding: backend.binding } : undefined;
}

/** Runs the function as it is; what it returns is the caller's even where the function returned an input or a variable. */
function runEagerly<A extends tf.Tensor[], R extends TensorResult>(fn: (...inputs: A) => R, inputs: A): R {
  return tf.tidy(() => mapTensors(fn(...inputs), (tensor) => tensor.clone()) as tf.TensorContainer) as R;
}

function keyOf(inputs: readonly tf.Tensor[]): string {
  return inputs.map(({ dtype, shape }) => `${dtype}[${shape.join()}]`).join();
}

function handleOfSource(backend: NodeBackend, source: Source, inputs: readonly tf.Tensor[]): number {
  switch (source.kind) {
    case 'argument':
      return handleOf(backend, inputs[source.index] as tf.Tensor);
    case 'tensor':
      return handleOf(backend, source.tensor);
    case 'variable':
      if (source.variable.isDisposed) {
        throw new Error(`variable ${source.variable.name} of a compiled function was disposed; compile it again`);
      }
      return handleOf(backend, source.variable);
  }
}

/** The plans of one function, the most recently used last. */
class PlanCache<A extends tf.Tensor[], R extends TensorResult> {
  private readonly plans = new Map<string, Plan<R> & { readonly binding: GraphBinding }>();

  constructor(
    private readonly fn: (...inputs: A) => R,
    private readonly options: Required<CompileOptions>,
  ) {}

  get({ backend, binding }: Engine, inputs: A): Plan<R> {
    const key = keyOf(inputs);
    let plan = this.plans.get(key);
    if (plan === undefined) {
      plan = { ...trace(backend, binding, this.fn, inputs), binding };
      this.report(plan);
      if (this.plans.size >= this.options.maxPlans) this.evictOldest();
    }
    this.plans.delete(key);
    this.plans.set(key, plan);
    return plan;
  }

  clear(): void {
    for (const plan of this.plans.values()) disposePlan(plan.binding, plan);
    this.plans.clear();
  }

  private evictOldest(): void {
    for (const [key, plan] of this.plans) {
      disposePlan(plan.binding, plan);
      this.plans.delete(key);
      return;
    }
  }

  private report({ constants }: Plan<R>): void {
    const large = constants.filter((values) => values > this.options.largeConstant);
    if (large.length === 0) return;
    warn(
      `${this.options.name} is compiled with constants made inside it (${large.length}, of up to ${Math.max(...large)} values); ` +
        'what changes from call to call must be an argument or a variable',
    );
  }
}

/** Gives the caller the results and the variables their new values. */
function settle<R extends TensorResult>(backend: NodeBackend, plan: Plan<R>, infos: readonly TensorInfo[]): R {
  const outputs = infos.map((info) => backend.createOutputTensor(info));
  const results = outputs.length - plan.state.length;
  plan.state.forEach((variable, i) => {
    const value = outputs[results + i] as tf.Tensor;
    variable.assign(value);
    value.dispose();
  });
  return plan.assemble(outputs.slice(0, results));
}

/**
 * Turns a function of tensors into one TensorFlow operation, traced at its first call for each combination of its inputs'
 * dtypes and shapes; the caller owns what a call returns. Numbers are the same as those of the function itself.
 *
 * Variables are used by reference, and those that the function assigns are assigned by each call, so a whole training
 * step compiles. Any other tensor from outside is captured as it was at the first call, and numbers and tensors made of
 * numbers inside are constants: a learning rate, a seed, anything that changes has to be an argument or a variable.
 *
 * Where graph functions are absent, inside another compiled function and under a gradient's tape the function itself runs.
 * @throws Error at the first call when the function reads a tensor's value, makes a variable (an optimizer's slots), or
 *   has a tensor whose shape depends on values.
 */
export function compile<A extends tf.Tensor[], R extends TensorResult>(
  fn: (...inputs: A) => R,
  { name = fn.name || 'a function', maxPlans = 8, largeConstant = 1024 }: CompileOptions = {},
): Compiled<A, R> {
  const cache = new PlanCache(fn, { name, maxPlans, largeConstant });
  let running = false;
  const refuseWhileRunning = (): void => {
    if (running) throw new Error(`${name}: an asynchronous call is still running; await it first`);
  };

  /** A call made ready; undefined where the function itself has to run. */
  const prepare = (inputs: A): (Engine & { readonly plan: Plan<R>; readonly handles: number[] }) | undefined => {
    const engine = compilingEngine();
    if (engine === undefined) return undefined;
    refuseWhileRunning();
    const plan = cache.get(engine, inputs);
    const handles = plan.sources.map((source) => handleOfSource(engine.backend, source, inputs));
    return { ...engine, plan, handles };
  };

  const call = (...inputs: A): R => {
    const ready = prepare(inputs);
    if (ready === undefined) return runEagerly(fn, inputs);
    const { backend, binding, plan, handles } = ready;
    return settle(backend, plan, binding.executeOp(plan.name, [], handles, plan.outputs));
  };

  const callAsync = async (...inputs: A): Promise<R> => {
    const ready = prepare(inputs);
    if (ready === undefined) return runEagerly(fn, inputs);
    const { backend, binding, plan, handles } = ready;
    running = true;
    try {
      return settle(backend, plan, await binding.executeAsync(plan.name, handles, plan.outputs));
    } finally {
      running = false;
    }
  };

  const dispose = (): void => {
    refuseWhileRunning();
    cache.clear();
  };
  return Object.assign(call, { async: callAsync, dispose });
}
