import type { JsonObject } from '../files/json.js';
import type { Params } from '../tree/spec.js';
import type { Spec } from '../tree/spec.js';
import type { Recipe } from './recipe.js';
import type { Task } from './task.js';

/** A tower with the heads that teach it. */
export interface Built {
  readonly task: Task;
  /** The part of the task's parameters that is kept. */
  readonly tower: { readonly params: Params; readonly spec: Spec };
}

/** Small weights of the project's own: how they are called, made and stored. */
export interface Miniature {
  /** Of its folder and of its configuration in data-manifests/configs. */
  readonly name: string;
  readonly role: 'teacher' | 'base';
  /** What it has learned, in one sentence. */
  readonly description: string;
  /** What stands before the names in its file. */
  readonly prefix: string;
  readonly recipe: Recipe;
  /** New weights from the recipe's seed; the caller frees the task's parameters. */
  build(config: JsonObject): Built;
}
