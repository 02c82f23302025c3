import { readFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';
import { escapeHtml } from '../host/escape.js';
import { fold, Random, rootKey } from '../tree/random.js';
import type { Figure } from './figure.js';
import { contentBox, pageBox, textBox, type Box } from './svg_geometry.js';

interface Plotly {
  newPlot(element: Element, data: unknown, layout: unknown, config: unknown): Promise<unknown>;
  toImage(element: Element, options: object): Promise<string>;
  purge(element: Element): void;
}

interface Page {
  readonly document: Document;
  readonly plotly: Plotly;
  /** What Plotly names its clip paths by; seeded, so that a figure is the same bytes each time. */
  random: Random;
}

const nothing: Box = { left: 0, top: 0, right: 0, bottom: 0 };

function rectangle({ left, top, right, bottom }: Box): object {
  return { x: left, y: top, left, top, right, bottom, width: right - left, height: bottom - top };
}

/** What jsdom lacks and Plotly asks for: sizes and positions of text, a canvas, media queries, object addresses. */
function completeWindow(window: JSDOM['window'], page: { random: Random }): void {
  const svg = window.SVGElement.prototype as unknown as Record<string, unknown>;
  svg['getBBox'] = function (this: Element) {
    return rectangle(contentBox(this) ?? nothing);
  };
  svg['getComputedTextLength'] = function (this: Element) {
    const { left, right } = textBox(this);
    return right - left;
  };
  const ofHtml = window.Element.prototype.getBoundingClientRect;
  window.Element.prototype.getBoundingClientRect = function (this: Element) {
    return this instanceof window.SVGElement ? (rectangle(pageBox(this) ?? nothing) as DOMRect) : ofHtml.call(this);
  };
  Object.assign(window.HTMLCanvasElement.prototype, { getContext: () => null });
  Object.assign(window.URL, { createObjectURL: () => '' });
  Object.assign(window, { matchMedia: () => ({ matches: false, addListener() {}, removeListener() {} }) });
  Object.assign(window.Math, { random: () => page.random.uniform() });
}

let opened: Page | undefined;

/** The one page in which all figures of this process are drawn. */
function openPage(): Page {
  if (opened !== undefined) return opened;
  const { window } = new JSDOM('<!DOCTYPE html><body></body>', { runScripts: 'outside-only', pretendToBeVisual: true });
  const page = { document: window.document, random: new Random(rootKey(0)) };
  completeWindow(window, page);
  window.eval(readFileSync(require.resolve('plotly.js/dist/plotly-cartesian.min.js'), 'utf8'));
  opened = Object.assign(page, { plotly: (window as unknown as { Plotly: Plotly }).Plotly });
  return opened;
}

async function draw(figure: Figure): Promise<string> {
  const page = openPage();
  page.random = new Random(fold(rootKey(0), figure.name));
  const place = page.document.createElement('div');
  page.document.body.append(place);
  try {
    const size = { width: figure.width, height: figure.height };
    await page.plotly.newPlot(place, structuredClone(figure.data), structuredClone(figure.layout), {
      staticPlot: true,
    });
    const svg = await page.plotly.toImage(place, { format: 'svg', imageDataOnly: true, ...size });
    const title = escapeHtml(figure.title);
    return svg.replace(/^<svg[^>]*>/, (tag) => `${tag.replace('<svg', '<svg role="img"')}<title>${title}</title>`);
  } finally {
    page.plotly.purge(place);
    place.remove();
  }
}

let last: Promise<unknown> = Promise.resolve();

/** A figure as a standalone SVG document; figures are drawn one after the other on one page. */
export function renderSvg(figure: Figure): Promise<string> {
  const drawn = last.then(() => draw(figure));
  last = drawn.catch(() => undefined);
  return drawn;
}
