import type * as tf from '@tensorflow/tfjs';
import { BadInput } from '../host/errors.js';

/** Activations of a forward pass by their published name. */
export type FeatureMap<T extends tf.Tensor = tf.Tensor> = Record<string, T>;

/** Collects the wanted features of one forward pass and frees the activations that nobody wants any more. */
export class FeatureCollector<T extends tf.Tensor = tf.Tensor> {
  readonly found: FeatureMap<T> = {};
  private readonly offered: string[] = [];
  private readonly held = new Set<tf.Tensor>();

  /** Without a list every feature is wanted. */
  constructor(private readonly wanted: readonly string[] | undefined) {}

  /** Keeps a tensor that is not a feature, such as the caller's own input, from {@link release}. */
  hold(tensor: tf.Tensor): void {
    this.held.add(tensor);
  }

  offer(name: string, tensor: T): void {
    this.offered.push(name);
    if (this.wanted !== undefined && !this.wanted.includes(name)) return;
    this.found[name] = tensor;
    this.held.add(tensor);
  }

  /** Frees a tensor unless it is held. */
  release(tensor: tf.Tensor): void {
    if (!this.held.has(tensor)) tensor.dispose();
  }

  /** Whether nothing that is wanted is still to come. */
  get complete(): boolean {
    return this.wanted !== undefined && this.wanted.every((name) => name in this.found);
  }

  /** @throws BadInput when a wanted feature does not exist. */
  result(): FeatureMap<T> {
    const missing = this.wanted?.find((name) => !(name in this.found));
    if (missing === undefined) return this.found;
    throw new BadInput({ where: 'features', expected: `one of ${this.offered.join(', ')}`, got: missing });
  }
}
