/// <reference lib="dom" preserve="true" />

import { createCanvas } from '@napi-rs/canvas';

/** An axis-parallel rectangle in pixels, y downwards. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The affine map x' = a x + c y + e, y' = b x + d y + f. */
type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

const identity: Matrix = [1, 0, 0, 1, 0, 0];
const context = createCanvas(1, 1).getContext('2d');

/** Width and extent above and below the baseline of a line of text, in pixels. */
export function measureText(text: string, size: number, family: string, weight = 'normal', style = 'normal') {
  context.font = `${style} ${weight} ${size}px ${family}`;
  const { width, fontBoundingBoxAscent: ascent, fontBoundingBoxDescent: descent } = context.measureText(text);
  // Without any font installed nothing has a width; the shares are those of DejaVu Sans.
  if (width > 0 || text === '') return { width, ascent: ascent || 0.93 * size, descent: descent || 0.24 * size };
  return { width: 0.62 * size * text.length, ascent: 0.93 * size, descent: 0.24 * size };
}

function multiply([a, b, c, d, e, f]: Matrix, [g, h, i, j, k, l]: Matrix): Matrix {
  return [a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * l + e, b * k + d * l + f];
}

function step(name: string, [p = 0, q, r = 0, s = 0, t = 0, u = 0]: readonly number[]): Matrix {
  switch (name) {
    case 'translate':
      return [1, 0, 0, 1, p, q ?? 0];
    case 'scale':
      return [p, 0, 0, q ?? p, 0, 0];
    case 'rotate': {
      const [cos, sin] = [Math.cos((p * Math.PI) / 180), Math.sin((p * Math.PI) / 180)];
      const centre = q ?? 0;
      return [cos, sin, -sin, cos, centre - cos * centre + sin * r, r - sin * centre - cos * r];
    }
    case 'matrix':
      return [p, q ?? 0, r, s, t, u];
    default:
      return identity;
  }
}

/** The value of an SVG `transform` attribute. */
export function parseTransform(transform: string | null): Matrix {
  let result = identity;
  for (const [, name = '', list = ''] of (transform ?? '').matchAll(/(\w+)\s*\(([^)]*)\)/g)) {
    const numbers = list
      .trim()
      .split(/[\s,]+/)
      .map(Number);
    result = multiply(result, step(name, numbers));
  }
  return result;
}

function mapBox([a, b, c, d, e, f]: Matrix, { left, top, right, bottom }: Box): Box {
  const corners = [
    [left, top],
    [right, top],
    [left, bottom],
    [right, bottom],
  ] as const;
  const xs = corners.map(([x, y]) => a * x + c * y + e);
  const ys = corners.map(([x, y]) => b * x + d * y + f);
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

function union(boxes: readonly Box[]): Box | undefined {
  if (boxes.length === 0) return undefined;
  return {
    left: Math.min(...boxes.map((box) => box.left)),
    top: Math.min(...boxes.map((box) => box.top)),
    right: Math.max(...boxes.map((box) => box.right)),
    bottom: Math.max(...boxes.map((box) => box.bottom)),
  };
}

const numberOf = (element: Element, name: string): number => Number.parseFloat(element.getAttribute(name) ?? '') || 0;

/** An inherited inline style or presentation attribute; Plotly styles its text inline. */
function styled(element: Element, name: string, fallback: string): string {
  for (let at: Element | null = element; at !== null; at = at.parentElement) {
    const value = (at as SVGElement).style?.getPropertyValue(name) || at.getAttribute(name);
    if (value) return value;
  }
  return fallback;
}

/** Width of a text element's longest line and its box around the anchor, in the element's own coordinates. */
export function textBox(text: Element): Box {
  const size = Number.parseFloat(styled(text, 'font-size', '12px')) || 12;
  const family = styled(text, 'font-family', 'sans-serif');
  const [weight, style] = [styled(text, 'font-weight', 'normal'), styled(text, 'font-style', 'normal')];
  const anchor = styled(text, 'text-anchor', 'start');
  const lines = [...text.querySelectorAll('tspan.line')];
  let y = numberOf(text, 'y');
  const boxes = (lines.length > 0 ? lines : [text]).map((line) => {
    const { width, ascent, descent } = measureText(line.textContent ?? '', size, family, weight, style);
    if (line !== text) y += numberOf(line, 'dy') * size;
    const x = numberOf(line.hasAttribute('x') ? line : text, 'x');
    const left = x - (anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0);
    return { left, top: y - ascent, right: left + width, bottom: y + descent };
  });
  return union(boxes) as Box;
}

/** What an element covers in its own coordinates (getBBox); undefined where nothing measurable is in it. */
export function contentBox(element: Element): Box | undefined {
  const tag = element.tagName.toLowerCase();
  if (tag === 'text') return (element.textContent ?? '') === '' ? undefined : textBox(element);
  if (tag === 'rect' || tag === 'image') {
    const [left, top] = [numberOf(element, 'x'), numberOf(element, 'y')];
    return { left, top, right: left + numberOf(element, 'width'), bottom: top + numberOf(element, 'height') };
  }
  if (tag === 'defs' || tag === 'clippath') return undefined;
  const boxes = [...element.children].flatMap((child) => {
    const box = contentBox(child);
    return box === undefined ? [] : [mapBox(parseTransform(child.getAttribute('transform')), box)];
  });
  return union(boxes);
}

/** What an element covers on the page, its transforms and those of its ancestors applied. */
export function pageBox(element: Element): Box | undefined {
  let box = contentBox(element);
  for (let at: Element | null = element; at !== null && box !== undefined; at = at.parentElement) {
    box = mapBox(parseTransform(at.getAttribute('transform')), box);
  }
  return box;
}
