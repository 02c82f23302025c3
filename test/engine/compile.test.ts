import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { compile } from 'gemma-3ncore/engine/compile';
import { assertNoLeak } from '../support/compare.js';
import { useEngine } from '../support/engine.js';
import { itCompiles } from '../support/graph.js';

function variable(values: number[]): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor1d(values)));
}

/** The values of a tensor that is then disposed. */
function take(tensor: tf.Tensor): number[] {
  const values = [...tensor.dataSync()];
  tensor.dispose();
  return values;
}

/** What a function writes to stderr. */
function messagesOf(work: () => void): string {
  const write = process.stderr.write;
  let text = '';
  process.stderr.write = ((chunk: string) => {
    text += chunk;
    return true;
  }) as typeof process.stderr.write;
  try {
    work();
  } finally {
    process.stderr.write = write;
  }
  return text;
}

describe('engine/compile', () => {
  useEngine();

  itCompiles('uses variables by reference, those whose values were never uploaded included', () => {
    assertNoLeak(tf.memory, () => {
      const x = tf.tensor1d([1, 2]);
      const v = variable([10, 20]);
      const add = compile((a: tf.Tensor) => tf.add(a, v));
      assert.deepEqual(take(add(x)), [11, 22]);
      tf.tidy(() => v.assign(tf.tensor1d([100, 200])));
      assert.deepEqual(take(add(x)), [101, 202]);
      add.dispose();
      tf.dispose([x, v]);
    });
  });

  itCompiles('captures other tensors as they are at the first call, whatever becomes of them', () => {
    assertNoLeak(tf.memory, () => {
      const x = tf.tensor1d([1, 2]);
      const captured = tf.tensor1d([5, 6]);
      const add = compile((a: tf.Tensor) => tf.add(a, captured));
      take(add(x));
      captured.dispose();
      assert.deepEqual(take(add(x)), [6, 8]);
      add.dispose();
      x.dispose();
    });
  });

  itCompiles('assigns variables at each call and none while it is traced', () => {
    assertNoLeak(tf.memory, () => {
      const [a, b] = [variable([1]), variable([2])];
      let traces = 0;
      const swap = compile((x: tf.Tensor) => {
        traces += 1;
        const former = a.clone();
        a.assign(tf.add(b, x) as tf.Tensor1D);
        b.assign(former);
        return tf.mul(a, 10);
      });
      const x = tf.tensor1d([100]);
      assert.deepEqual(take(swap(x)), [1020]);
      assert.deepEqual([...a.dataSync(), ...b.dataSync()], [102, 1]);
      assert.deepEqual(take(swap(x)), [1010]);
      assert.deepEqual([...a.dataSync(), ...b.dataSync()], [101, 102]);
      assert.equal(traces, 1);
      swap.dispose();
      tf.dispose([a, b, x]);
    });
  });

  itCompiles('tells variables apart that share their memory', () => {
    assertNoLeak(tf.memory, () => {
      const [a, b] = [variable([1]), variable([2])];
      b.assign(a);
      const frozen = a.clone();
      const step = compile((x: tf.Tensor) => {
        a.assign(tf.add(a, x) as tf.Tensor1D);
        return tf.concat([a as tf.Tensor1D, b as tf.Tensor1D, frozen as tf.Tensor1D]);
      });
      const x = tf.tensor1d([10]);
      assert.deepEqual(take(step(x)), [11, 1, 1]);
      const kept = a.clone();
      assert.deepEqual(take(step(x)), [21, 1, 1]);
      assert.deepEqual([...kept.dataSync()], [11]);
      step.dispose();
      tf.dispose([a, b, frozen, kept, x]);
    });
  });

  itCompiles('refuses to read a value and leaves everything as it was', () => {
    assertNoLeak(tf.memory, () => {
      const [x, v] = [tf.tensor1d([3]), variable([1])];
      const readArgument = compile((a: tf.Tensor) => {
        v.assign(tf.mul(v, a) as tf.Tensor1D);
        return tf.mul(a, tf.add(a, 1).dataSync()[0]!);
      });
      const readVariable = compile((a: tf.Tensor) => tf.mul(a, v.dataSync()[0]!));
      for (const fn of [readArgument, readVariable]) {
        assert.throws(() => fn(x), /a compiled function cannot read the values of a tensor/);
      }
      assert.deepEqual([...v.dataSync()], [1]);
      tf.dispose([x, v]);
    });
  });

  itCompiles('refuses to make variables', () => {
    assertNoLeak(tf.memory, () => {
      const x = tf.tensor1d([3]);
      const before = Object.keys(tf.engine().registeredVariables).length;
      const fn = compile((a: tf.Tensor) => tf.mul(a, tf.variable(tf.mul(a, 2), true, 'made_inside')));
      assert.throws(() => fn(x), /cannot make variables; make made_inside before the first call/);
      assert.equal(Object.keys(tf.engine().registeredVariables).length, before);
      x.dispose();
    });
  });

  itCompiles('refuses shapes that depend on values', () => {
    const x = tf.tensor1d([3, 3, 4], 'int32');
    const fn = compile((a: tf.Tensor) => tf.unique(a).values);
    assert.throws(() => fn(x), /shape of an output of Unique\w* depends on values/);
    x.dispose();
  });

  itCompiles('says which variable was disposed', () => {
    const [x, v] = [tf.tensor1d([3]), tf.tidy(() => tf.variable(tf.tensor1d([1]), true, 'gone'))];
    const fn = compile((a: tf.Tensor) => tf.mul(a, v));
    take(fn(x));
    v.dispose();
    assert.throws(() => fn(x), /variable gone of a compiled function was disposed/);
    fn.dispose();
    x.dispose();
  });

  itCompiles('warns of large constants but not of captured tensors', () => {
    const [x, captured] = [tf.tensor1d([3]), tf.randomNormal([2000])];
    const withConstant = compile((a: tf.Tensor) => tf.mul(a, tf.randomNormal([2000])), { name: 'noisy' });
    const withCaptured = compile((a: tf.Tensor) => tf.mul(tf.mul(a, captured), tf.ones([2000])));
    assert.match(
      messagesOf(() => withConstant(x).dispose()),
      /noisy is compiled with constants made inside it \(1, of up to 2000 values\)/,
    );
    assert.equal(
      messagesOf(() => withCaptured(x).dispose()),
      '',
    );
    withConstant.dispose();
    withCaptured.dispose();
    tf.dispose([x, captured]);
  });

  itCompiles('keeps a plan for each shape and dtype, no more than it was told', () => {
    assertNoLeak(tf.memory, () => {
      let traces = 0;
      const captured = tf.scalar(2);
      const double = compile(
        (a: tf.Tensor) => {
          traces += 1;
          return tf.mul(a, captured);
        },
        { maxPlans: 2 },
      );
      const inputs = [tf.ones([1]), tf.ones([2]), tf.ones([1], 'int32'), tf.ones([3])];
      const run = (i: number): number[] => take(double(inputs[i]!));
      [0, 1, 0, 1, 0].forEach(run);
      assert.equal(traces, 2);
      assert.deepEqual(run(2), [2]);
      run(0);
      assert.equal(traces, 3, 'the plan used last was kept');
      run(1);
      assert.equal(traces, 4, 'the plan not used for longest gave way');
      double.dispose();
      assert.deepEqual(run(3), [2, 2, 2]);
      assert.equal(traces, 5);
      double.dispose();
      tf.dispose([captured, ...inputs]);
    });
  });

  it('gives tensors of the caller’s own in the structure of the function', () => {
    assertNoLeak(tf.memory, () => {
      const [x, v] = [tf.tensor1d([3]), variable([1])];
      const record = compile((a: tf.Tensor) => ({ input: a, variable: v as tf.Tensor, sum: tf.add(a, v) }));
      const { input, variable: current, sum } = record(x);
      assert.deepEqual([take(input), take(current), take(sum)], [[3], [1], [4]]);
      assert.deepEqual([...x.dataSync(), ...v.dataSync()], [3, 1]);
      record.dispose();
      tf.dispose([x, v]);
    });
  });

  it('can be differentiated and used inside another compiled function', () => {
    assertNoLeak(tf.memory, () => {
      const x = tf.tensor1d([3, 4]);
      const square = compile((a: tf.Tensor) => tf.square(a));
      const gradient = compile((a: tf.Tensor) => tf.grad((b) => tf.sum(square(b)))(a));
      assert.deepEqual(take(tf.grad((b) => square(b))(x)), [6, 8]);
      assert.deepEqual(take(gradient(x)), [6, 8]);
      gradient.dispose();
      square.dispose();
      x.dispose();
    });
  });

  it('runs the function itself on another engine', async () => {
    await tf.setBackend('cpu');
    try {
      assertNoLeak(tf.memory, () => {
        const [x, v] = [tf.tensor1d([3]), variable([1])];
        const fn = compile((a: tf.Tensor) => {
          v.assign(tf.add(v, a) as tf.Tensor1D);
          return tf.mul(v, 2);
        });
        assert.deepEqual([take(fn(x)), take(fn(x))], [[8], [14]]);
        tf.dispose([x, v]);
      });
    } finally {
      await tf.setBackend('tensorflow');
    }
  });

  itCompiles('reports what fails while it runs and changes no variable', () => {
    assertNoLeak(tf.memory, () => {
      const [table, v] = [tf.tensor1d([1, 2, 3]), variable([1])];
      const pick = compile((i: tf.Tensor) => {
        v.assign(tf.add(v, 1) as tf.Tensor1D);
        return tf.gather(table, i as tf.Tensor1D);
      });
      const [good, bad] = [tf.tensor1d([2], 'int32'), tf.tensor1d([5], 'int32')];
      assert.deepEqual(take(pick(good)), [3]);
      assert.throws(() => pick(bad), /indices\[0\] = 5 is not in \[0, 3\)/);
      assert.deepEqual([...v.dataSync()], [2]);
      pick.dispose();
      tf.dispose([table, v, good, bad]);
    });
  });

  itCompiles('leaves the event loop free when called asynchronously, one call at a time', async () => {
    const before = tf.memory().numTensors;
    const [x, v] = [tf.randomNormal<tf.Rank.R2>([700, 700], 0, 0.02), variable([0])];
    const work = compile((a: tf.Tensor2D) => {
      v.assign(tf.add(v, 1) as tf.Tensor1D);
      let y: tf.Tensor2D = a;
      for (let i = 0; i < 20; i++) y = tf.matMul(y, a);
      return y;
    });
    const expected = take(work(x));
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    const pending = work.async(x);
    assert.throws(() => work(x), /an asynchronous call is still running/);
    await assert.rejects(work.async(x), /an asynchronous call is still running/);
    assert.deepEqual(take(await pending), expected);
    clearInterval(timer);
    assert.ok(ticks > 0, 'the event loop stood still');
    assert.deepEqual([...v.dataSync()], [2]);
    work.dispose();
    tf.dispose([x, v]);
    assert.equal(tf.memory().numTensors, before, 'tensors leaked');
  });
});
