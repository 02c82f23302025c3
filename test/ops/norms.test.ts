import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as tf from '@tensorflow/tfjs';
import { hasNativeOp } from 'gemma-3ncore/engine/native_op';
import { gelu, type GeluKind } from 'gemma-3ncore/ops/gelu';
import { layerNorm } from 'gemma-3ncore/ops/layer_norm';
import { rmsNorm, rmsNormGelu } from 'gemma-3ncore/ops/rms_norm';
import { assertClose, assertNoLeak } from '../support/compare.js';
import { useEngine } from '../support/engine.js';

const eps = 1e-6;
const rows = 6;
const channels = 5;

/** Deterministic values in about ±2.5. */
function wave(n: number, phase: number): number[] {
  return Array.from({ length: n }, (_, i) => 2.5 * Math.sin(1.7 * i + phase));
}

const xs = wave(rows * channels, 0.3);
const ws = wave(channels, 1.1).map((v) => 1 + 0.3 * v);
const bs = wave(channels, 2.2);
const dys = wave(rows * channels, 4.4);

/** erf by its series, exact to double precision for |x| ≤ 3. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function geluOf(x: number, kind: GeluKind): number {
  if (kind === 'erf') return 0.5 * x * (1 + erf(x / Math.SQRT2));
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

type Formula = (x: readonly number[], w: readonly number[], b: readonly number[]) => number[];

/** The definition applied to each row, in double precision. */
function byRow(f: (row: readonly number[], w: readonly number[], b: readonly number[]) => number[]): Formula {
  return (x, w, b) => Array.from({ length: rows }, (_, i) => f(x.slice(i * channels, (i + 1) * channels), w, b)).flat();
}

const meanOf = (v: readonly number[]): number => v.reduce((s, a) => s + a, 0) / v.length;
const rmsFormula = byRow((row, w) => {
  const r = 1 / Math.sqrt(meanOf(row.map((v) => v * v)) + eps);
  return row.map((v, c) => v * r * (w[c] as number));
});
const layerFormula = byRow((row, w, b) => {
  const m = meanOf(row);
  const r = 1 / Math.sqrt(meanOf(row.map((v) => (v - m) ** 2)) + eps);
  return row.map((v, c) => (v - m) * r * (w[c] as number) + (b[c] as number));
});

/** d(Σ dy·f)/d(argument) by central differences in double precision (error about 1e-9). */
function numericGradient(f: Formula, argument: 0 | 1 | 2): number[] {
  const at = (index: number, shift: number): number => {
    const values = [xs, ws, bs].map((v, k) => (k === argument ? v.map((a, i) => (i === index ? a + shift : a)) : v));
    const y = f(values[0] as number[], values[1] as number[], values[2] as number[]);
    return y.reduce((sum, v, i) => sum + v * (dys[i] as number), 0);
  };
  const h = 1e-5;
  return ([xs, ws, bs][argument] as number[]).map((_, i) => (at(i, h) - at(i, -h)) / (2 * h));
}

interface Case {
  readonly name: string;
  readonly formula: Formula;
  readonly run: (x: tf.Tensor3D, w: tf.Tensor1D, b: tf.Tensor1D) => tf.Tensor;
  readonly vectors: 0 | 1 | 2;
}

const cases: readonly Case[] = [
  { name: 'gelu tanh', formula: (x) => x.map((v) => geluOf(v, 'tanh')), run: (x) => gelu(x, 'tanh'), vectors: 0 },
  { name: 'gelu erf', formula: (x) => x.map((v) => geluOf(v, 'erf')), run: (x) => gelu(x, 'erf'), vectors: 0 },
  { name: 'rmsNorm', formula: rmsFormula, run: (x, w) => rmsNorm(x, w, eps), vectors: 1 },
  {
    name: 'rmsNormGelu',
    formula: (...args) => rmsFormula(...args).map((v) => geluOf(v, 'tanh')),
    run: (x, w) => rmsNormGelu(x, w, eps),
    vectors: 1,
  },
  { name: 'layerNorm', formula: layerFormula, run: (x, w, b) => layerNorm(x, w, b, eps), vectors: 2 },
];

/** float32 against double precision: a few roundings of values up to 10. */
const tolerance = 2e-6;

/** Runs the tests of a block with the fused kernels on or off, and puts the setting back. */
function withFused(on: boolean): void {
  const former = process.env['NCORE_FUSED'];
  before(() => {
    process.env['NCORE_FUSED'] = on ? '1' : '0';
    if (!on) assert.equal(hasNativeOp('NcoreRmsNorm'), false);
  });
  after(() => {
    if (former === undefined) delete process.env['NCORE_FUSED'];
    else process.env['NCORE_FUSED'] = former;
  });
}

for (const fused of [true, false]) {
  describe(`ops: normalisation and GELU, ${fused ? 'fused' : 'composed'}`, () => {
    useEngine();
    withFused(fused);

    for (const { name, formula, run, vectors } of cases) {
      it(`${name} and its gradients follow the closed formula`, () => {
        assertNoLeak(tf.memory, () => {
          const w = tf.tidy(() => tf.variable(tf.tensor1d(ws)));
          const b = tf.tidy(() => tf.variable(tf.tensor1d(bs)));
          tf.tidy(() => {
            const x = tf.tensor3d(xs, [2, 3, channels]);
            const dy = tf.tensor3d(dys, [2, 3, channels]);
            const y = run(x, w, b);
            assert.deepEqual(y.shape, x.shape);
            assertClose(y.dataSync(), formula(xs, ws, bs), tolerance, name);
            const dx = tf.grad((z) => run(z as tf.Tensor3D, w, b))(x, dy);
            assertClose(dx.dataSync(), numericGradient(formula, 0), tolerance, `${name} dx`);
            if (vectors === 0) return;
            const trained = [w, b].slice(0, vectors);
            const { grads } = tf.variableGrads(() => tf.sum(tf.mul(run(x, w, b), dy)), trained);
            trained.forEach((v, i) =>
              assertClose(
                grads[v.name]!.dataSync(),
                numericGradient(formula, (i + 1) as 1 | 2),
                tolerance,
                `${name} d${i}`,
              ),
            );
          });
          w.dispose();
          b.dispose();
        });
      });
    }
  });
}

describe('ops: normalisation and GELU', () => {
  useEngine();

  it('leaves frozen weights off the tape', () => {
    tf.tidy(() => {
      const x = tf.tensor3d(xs, [2, 3, channels]);
      const [w, b] = [tf.tensor1d(ws), tf.tensor1d(bs)];
      for (const run of [() => rmsNorm(x, w, eps), () => rmsNormGelu(x, w, eps), () => layerNorm(x, w, b, eps)]) {
        assert.throws(() => tf.grad(() => run())(w), /no dependence|Cannot compute gradient/i);
      }
    });
  });

  it('saturates GELU where its terms overflow', () => {
    tf.tidy(() => {
      // 1e-20: what is left of x·sigmoid where the sigmoid is 1e-38 instead of 0.
      const negative = tf.tensor1d([-1e12, -30, 0]);
      // 2⁻²³: some processors' erf and exp leave one rounding at 1.
      const positive = tf.tensor1d([30, 1e12]);
      for (const kind of ['tanh', 'erf'] as const) {
        const slope = (x: tf.Tensor1D): Float32Array =>
          tf
            .grad((z) => gelu(z, kind))(x)
            .dataSync<'float32'>();
        assertClose(gelu(negative, kind).div([1e12, 1, 1]).dataSync(), [0, 0, 0], 1e-20);
        assertClose(slope(negative), [0, 0, 0.5], 1e-20);
        assertClose(gelu(positive, kind).div(positive).dataSync(), [1, 1], 2 ** -23);
        assertClose(slope(positive), [1, 1], 2 ** -23);
      }
    });
  });

  it('names a weight of the wrong size', () => {
    const x = tf.zeros([2, 4]);
    const w = tf.ones([3]) as tf.Tensor1D;
    assert.throws(() => rmsNorm(x, w, eps), /rmsNorm weight: expected shape \[4\] for x \[2, 4\], got \[3\]/);
    tf.dispose([x, w]);
  });
});
