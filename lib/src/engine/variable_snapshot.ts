import * as tf from '@tensorflow/tfjs';
import { handleOf, type NodeBackend } from './binding.js';

interface Entry {
  readonly variable: tf.Variable;
  readonly handle: number;
  /** Keeps the handle alive while the variable points elsewhere. */
  readonly hold: tf.Tensor;
}

function registeredVariables(): tf.Variable[] {
  return Object.values(tf.engine().registeredVariables);
}

/** Gives a variable that shares its handle (after `clone` or `assign`) one of its own; the memory stays shared. */
function separate(backend: NodeBackend, variable: tf.Variable): void {
  if (backend.refCount(variable.dataId) === 1) return;
  const attribute = {
    name: 'T',
    type: backend.binding.TF_ATTR_TYPE,
    value: backend.getDTypeInteger(variable.dtype),
  };
  const [own] = backend.executeMultipleOutputs('Identity', [attribute], [variable], 1);
  variable.assign(own as tf.Tensor);
  own?.dispose();
}

/** All variables as they stood before a trace, so that what it assigned can be read off and undone. */
export class VariableSnapshot {
  private readonly entries: readonly Entry[];
  private readonly byHandle: ReadonlyMap<number, tf.Variable>;

  constructor(private readonly backend: NodeBackend) {
    this.entries = registeredVariables().map((variable) => {
      separate(backend, variable);
      const hold = tf.keep(variable.clone());
      return { variable, handle: handleOf(backend, variable), hold };
    });
    this.byHandle = new Map(this.entries.map(({ variable, handle }) => [handle, variable]));
  }

  /** The variable whose value a handle was at the start. */
  variableOf(handle: number): tf.Variable | undefined {
    return this.byHandle.get(handle);
  }

  /** The variables that were assigned since, with their handles now; throws when one was disposed. */
  assigned(): { readonly variable: tf.Variable; readonly handle: number }[] {
    const gone = this.entries.find(({ variable }) => variable.isDisposed);
    if (gone !== undefined) throw new Error(`a compiled function cannot dispose variables (${gone.variable.name})`);
    return this.entries
      .map(({ variable, handle }) => ({ variable, before: handle, handle: handleOf(this.backend, variable) }))
      .filter(({ before, handle }) => before !== handle);
  }

  /** The variables that were made since. */
  created(): tf.Variable[] {
    const known = new Set(this.entries.map(({ variable }) => variable));
    return registeredVariables().filter((variable) => !known.has(variable));
  }

  /** Gives every variable its former value back and disposes the ones made since. */
  restore(): void {
    for (const variable of this.created()) variable.dispose();
    for (const { variable, hold } of this.entries) {
      if (!variable.isDisposed && variable.dataId !== hold.dataId) variable.assign(hold);
      hold.dispose();
    }
  }
}
