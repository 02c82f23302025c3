import type { ParamSpec } from '../tree/spec.js';

/** Whether a parameter is the weight of a linear layer or of a 1×1 convolution, `[out, in]` in memory. */
export function isMatrix(path: string, { shape, layout }: Pick<ParamSpec, 'shape' | 'layout'>): boolean {
  if (!path.endsWith('.weight')) return false;
  return layout === 'conv1x1' || (layout === 'same' && shape.length === 2 && !/embedding\.weight$/.test(path));
}
