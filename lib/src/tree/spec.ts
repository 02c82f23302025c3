import type { Leaf } from './leaf.js';
import type { Key } from './random.js';

export type Shape = readonly number[];

/**
 * How a parameter lies in memory against its checkpoint file (PyTorch's layout):
 * - `same`: vectors, tables and linear weights `[out, in]`;
 * - `conv1x1`: file `[out, in, 1, 1]`, memory `[out, in]` (multiplied as a linear weight);
 * - `conv`: file OIHW, memory HWIO;
 * - `depthwise`: file `[C, 1, kh, kw]`, memory `[kh, kw, C, 1]`.
 */
export type Layout = 'same' | 'conv1x1' | 'conv' | 'depthwise';

/** Fills a new parameter: values in the checkpoint's order for `shape` (the checkpoint's shape). */
export type Initializer = (key: Key, shape: Shape) => Float32Array;

/** One parameter of a model: its shape in the checkpoint, its layout in memory, its initialisation. */
export interface ParamSpec {
  readonly kind: 'param';
  readonly shape: Shape;
  readonly layout: Layout;
  readonly init: Initializer;
}

/** A nested record or array of parameters; dotted paths are the names in the checkpoint file. */
export type Spec = ParamSpec | readonly Spec[] | { readonly [name: string]: Spec | undefined };

/** The parameter tree that belongs to a spec. */
export type ParamsOf<S> = S extends ParamSpec
  ? Leaf
  : S extends readonly (infer E)[]
    ? readonly ParamsOf<E>[]
    : { readonly [K in keyof S]: ParamsOf<S[K]> };

/** Any parameter tree. */
export type Params = Leaf | readonly Params[] | { readonly [name: string]: Params | undefined };

/** A parameter of a spec. */
export function param(shape: Shape, layout: Layout, init: Initializer): ParamSpec {
  return { kind: 'param', shape, layout, init };
}

export function isParamSpec(node: unknown): node is ParamSpec {
  return typeof node === 'object' && node !== null && (node as { kind?: unknown }).kind === 'param';
}

/** Number of values of a shape. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** The parameters of a spec by their dotted path, in the spec's order. */
export function flattenSpec(spec: Spec, prefix = ''): Map<string, ParamSpec> {
  const found = new Map<string, ParamSpec>();
  const visit = (node: Spec | undefined, path: string): void => {
    if (node === undefined) return;
    if (isParamSpec(node)) {
      found.set(path, node);
      return;
    }
    for (const [name, child] of Object.entries(node as Record<string, Spec | undefined>)) {
      visit(child, path === '' ? name : `${path}.${name}`);
    }
  };
  visit(spec, prefix);
  return found;
}

/** Number of parameters (values) of a spec. */
export function countParameters(spec: Spec): number {
  let count = 0;
  for (const { shape } of flattenSpec(spec).values()) count += sizeOf(shape);
  return count;
}

/** Builds the parameter tree of a spec from one leaf per parameter. */
export function buildParams<S extends Spec>(spec: S, leafAt: (path: string, spec: ParamSpec) => Leaf): ParamsOf<S> {
  const visit = (node: Spec, path: string): Params => {
    if (isParamSpec(node)) return leafAt(path, node);
    const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
    if (Array.isArray(node)) return (node as readonly Spec[]).map((child, i) => visit(child, at(String(i))));
    const entries = Object.entries(node as Record<string, Spec | undefined>);
    return Object.fromEntries(
      entries.flatMap(([name, child]) => (child === undefined ? [] : [[name, visit(child, at(name))]])),
    );
  };
  return visit(spec, '') as ParamsOf<S>;
}
