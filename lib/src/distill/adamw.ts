import * as tf from '@tensorflow/tfjs';

export interface AdamWOptions {
  readonly betas: readonly [number, number];
  readonly eps: number;
  /** Decoupled: p ← p·(1 − rate·weight_decay) before the update. */
  readonly weight_decay: number;
  /** Whether biases and the scales of norms, which are vectors, decay too; by default they do, as in torch. */
  readonly decay_vectors?: boolean;
}

/** What a step needs besides the gradient: scalars, so that a compiled step takes them as inputs. */
export interface AdamWScalars {
  readonly rate: tf.Scalar;
  /** 1 − β1^t and 1 − β2^t, t counted from 1. */
  readonly correction1: tf.Scalar;
  readonly correction2: tf.Scalar;
}

/** The bias corrections of step `t` (from 1), in double precision. */
export function biasCorrections({ betas }: AdamWOptions, t: number): { correction1: number; correction2: number } {
  return { correction1: 1 - betas[0] ** t, correction2: 1 - betas[1] ** t };
}

/** Some tensors as one vector, in their order; owned by the caller. */
export function flatten(tensors: readonly tf.Tensor[]): tf.Tensor1D {
  return tf.tidy(() => tf.concat1d(tensors.map((tensor) => tf.reshape(tensor, [-1]))));
}

/**
 * AdamW over all trained parameters as one vector (Loshchilov and Hutter 2019, arXiv:1711.05101; torch.optim.AdamW). Its
 * moments are variables, so that a step which updates them compiles.
 */
export interface AdamW {
  readonly moments: { readonly m: tf.Variable; readonly v: tf.Variable };
  /** Moves the parameters against a gradient `[P]` in the order of the variables. */
  update(gradient: tf.Tensor1D, scalars: AdamWScalars): void;
  /** Forgets the moments, as at the start of a stage. */
  reset(): void;
  dispose(): void;
}

function assignParts(variables: readonly tf.Variable[], flat: tf.Tensor1D): void {
  const sizes = variables.map((variable) => variable.size);
  const parts = variables.length === 1 ? [flat] : tf.split(flat, sizes);
  variables.forEach((variable, i) => variable.assign(tf.reshape(parts[i] as tf.Tensor, variable.shape)));
}

/** An optimizer of the given variables, its moments zero; the variables stay the caller's. */
export function createAdamW(variables: readonly tf.Variable[], options: AdamWOptions): AdamW {
  const { betas, eps, weight_decay, decay_vectors = true } = options;
  const P = variables.reduce((sum, variable) => sum + variable.size, 0);
  const zeros = (): tf.Variable => tf.tidy(() => tf.variable(tf.zeros([P]), false));
  const m = zeros();
  const v = zeros();
  /** The parameters, those that decay times a factor. */
  const decayed = (factor: tf.Tensor): tf.Tensor => {
    if (decay_vectors) return tf.mul(flatten(variables), factor);
    return flatten(variables.map((variable) => (variable.rank > 1 ? tf.mul(variable, factor) : variable)));
  };
  return {
    moments: { m, v },
    update(gradient, { rate, correction1, correction2 }) {
      tf.tidy(() => {
        m.assign(tf.add(tf.mul(m, betas[0]), tf.mul(gradient, 1 - betas[0])));
        v.assign(tf.add(tf.mul(v, betas[1]), tf.mul(tf.square(gradient), 1 - betas[1])));
        const denominator = tf.add(tf.div(tf.sqrt(v), tf.sqrt(correction2)), eps);
        const move = tf.mul(tf.div(m, denominator), tf.div(rate, correction1));
        const kept = decayed(tf.sub(1, tf.mul(rate, weight_decay)));
        assignParts(variables, tf.sub(kept, move) as tf.Tensor1D);
      });
    },
    reset() {
      tf.tidy(() => {
        m.assign(tf.zeros([P]));
        v.assign(tf.zeros([P]));
      });
    },
    dispose() {
      m.dispose();
      v.dispose();
    },
  };
}

/** A gradient scaled so that its norm is at most `maxNorm` (torch.nn.utils.clip_grad_norm_), and its norm before. */
export function clipByNorm(gradient: tf.Tensor1D, maxNorm: number | null): { gradient: tf.Tensor1D; norm: tf.Scalar } {
  return tf.tidy(() => {
    const norm = tf.sqrt(tf.sum(tf.square(gradient))) as tf.Scalar;
    if (maxNorm === null) return { gradient: tf.clone(gradient), norm };
    const scale = tf.minimum(1, tf.div(maxNorm, tf.add(norm, 1e-6)));
    return { gradient: tf.mul(gradient, scale) as tf.Tensor1D, norm };
  });
}
