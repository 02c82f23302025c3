import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadImage } from '@napi-rs/canvas';
import { JSDOM } from 'jsdom';
import { figureBundle } from 'gemma-3ncore/report/bundle';
import type { Figure } from 'gemma-3ncore/report/figure';
import { blandAltmanFigure, scatterFigure } from 'gemma-3ncore/report/figures/agreement';
import { bridgesFigure } from 'gemma-3ncore/report/figures/bridges';
import { differenceFigure, errorFigure } from 'gemma-3ncore/report/figures/comparison';
import { costFigure } from 'gemma-3ncore/report/figures/cost';
import { cycleFigure } from 'gemma-3ncore/report/figures/cycle';
import { labelsFigure } from 'gemma-3ncore/report/figures/labels';
import { setupFigure } from 'gemma-3ncore/report/figures/setup';
import { frameMontage } from 'gemma-3ncore/report/figures/montage';
import {
  curriculumFigure,
  learningCurveFigure,
  lossFigure,
  validationFigure,
} from 'gemma-3ncore/report/figures/training';
import { renderSvg } from 'gemma-3ncore/report/svg';
import { pageBox } from 'gemma-3ncore/report/svg_geometry';
import { phantomStamp } from 'gemma-3ncore/report/wording';
import { assessment, conduit, hostile, reservoir, rows, trainingRun } from './examples.js';

const { DOMParser } = new JSDOM('').window;
const notes = [phantomStamp];
const runs = [trainingRun('distilled', 1.2), trainingRun('baseline', 1)];
const { teacher, student } = reservoir.body.cost;

const figures: Record<string, Figure> = {
  scatter: scatterFigure(rows, 'EF', notes),
  blandAltman: blandAltmanFigure(rows, 'distilled', 'EF', assessment.bland_altman[2], notes),
  loss: lossFigure(runs, 'task', notes),
  validation: validationFigure(runs, 'EF', notes),
  curriculum: curriculumFigure(runs[0], notes),
  learning: learningCurveFigure(
    [32, 64].map((labelled) => ({ model: 'distilled', labelled, value: 9, low: 8, high: 10 })),
    'EF MAE (%)',
    notes,
  ),
  difference: differenceFigure(assessment.comparisons, 'EF', 'MAE', notes),
  error: errorFigure(assessment.metrics, 'EDV', 'MAE', notes),
  cycle: cycleFigure(
    { clip: hostile, fps: 50, edFrame: 1, esFrame: 3, confidence: 0.4, sure: false, curve: [0.9, 1, 0.4, 0, 0.3] },
    notes,
  ),
  labels: labelsFigure(
    [31, 44.9, 45, 62].flatMap((EF) => (['TRAIN', 'VAL', 'TEST'] as const).map((split) => ({ split, EF }))),
    notes,
  ),
  setup: setupFigure(
    [hostile, 'packages'].map((name, i) => ({ name, status: 'done' as const, seconds: 70 * i })),
    notes,
  ),
  cost: costFigure({ ...teacher, name: hostile }, { ...student, ms: null }, notes),
};

function parse(svg: string): Document {
  const document = new DOMParser().parseFromString(svg, 'image/svg+xml');
  assert.equal(document.querySelector('parsererror'), null);
  return document;
}

const textsOf = (document: Document): string[] =>
  [...document.querySelectorAll('text')].map((text) => text.textContent ?? '');

describe('report/figures', () => {
  for (const [name, figure] of Object.entries(figures)) {
    it(`${name}: well-formed SVG with tick labels on its axes, title and notes`, async () => {
      const document = parse(await renderSvg(figure));
      const ticks = (axis: string) =>
        [...document.querySelectorAll(`.${axis}tick text`)].filter((text) => /\d/.test(text.textContent ?? ''));
      if (name !== 'cost') assert.ok(ticks('x').length >= 2, 'x ticks');
      if (!['difference', 'error', 'setup'].includes(name)) assert.ok(ticks('y').length >= 2, 'y ticks');
      const hidden = [...document.querySelectorAll('text')].filter((text) =>
        /visibility|opacity: 0/.test(text.outerHTML),
      );
      assert.deepEqual(
        hidden.map((text) => text.textContent),
        [],
      );
      const texts = textsOf(document).join('\n');
      assert.ok(texts.includes(figure.title));
      assert.ok(texts.includes('For research only; not for clinical use.') && texts.includes('Phantom result'));
      assert.equal(document.querySelector('script, foreignObject'), null);
      assert.equal(document.querySelector('title')!.textContent, figure.title);
    });
  }

  for (const fall of [1, 0.8, 0.15, 0.02, 1e-5]) {
    it(`labels the loss axis when the loss falls to ${fall}`, async () => {
      const history = runs[0].history.map((entry, i) => ({ ...entry, task: fall ** (i / 19) }));
      const document = parse(await renderSvg(lossFigure([{ ...runs[0], history }], 'task')));
      const ticks = [...document.querySelectorAll('.ytick text')].filter((text) => text.textContent);
      assert.ok(ticks.length >= 2 && ticks.length <= 12, ticks.map((text) => text.textContent).join(' '));
    });
  }

  it('shows names of bridges and models as text, whatever they are', async () => {
    const bridges = conduit.body.bridges.map((bridge) => ({ ...bridge, teacher: hostile }));
    for (const figure of [bridgesFigure(bridges, notes), figures['cost']]) {
      const texts = textsOf(parse(await renderSvg(figure)));
      assert.ok(
        texts.some((text) => text.includes(hostile)),
        texts.join('\n'),
      );
    }
  });

  it('keeps all text inside the picture and apart', async () => {
    for (const figure of [...Object.values(figures), bridgesFigure(conduit.body.bridges)]) {
      const texts = [...parse(await renderSvg(figure)).querySelectorAll('text')].filter((text) => text.textContent);
      const boxes = texts.map((text) => ({ what: `${figure.name}: ${text.textContent}`, ...pageBox(text)! }));
      boxes.forEach((a, i) => {
        assert.ok(a.left >= 0 && a.top >= 0 && a.right <= figure.width && a.bottom <= figure.height, a.what);
        for (const b of boxes.slice(i + 1)) {
          // Line boxes are taller than their letters: those of neighbouring lines may meet by 3 px.
          const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          assert.ok(across <= 0 || down <= 3, `${a.what} lies on ${b.what} by ${across}×${down}`);
        }
      });
    }
  });

  it('draws the same bytes each time and several at once', async () => {
    const [first, other, second] = await Promise.all([
      renderSvg(figures['scatter']),
      renderSvg(figures['loss']),
      renderSvg(figures['scatter']),
    ]);
    assert.equal(first, second);
    assert.notEqual(first, other);
  });

  it('bundles the interactive, static and plain figure', async () => {
    const bundle = await figureBundle(figures['scatter']);
    assert.deepEqual(Object.keys(bundle), ['application/vnd.plotly.v1+json', 'image/svg+xml', 'text/plain']);
    assert.doesNotThrow(() => JSON.stringify(bundle));
    assert.doesNotMatch(JSON.stringify(bundle), /<script/);
  });
});

describe('report/figures/montage', () => {
  const grey = (width: number, height: number) => ({ width, height, data: new Uint8Array(width * height).fill(200) });
  const pairs = [hostile, 'b', 'c', 'd'].map((study) => ({ study, ED: grey(20, 10), ES: grey(20, 10) }));

  it('draws frames as large as asked for, in their own proportions', async () => {
    const { png } = frameMontage(pairs, 'Frames', { side: 100, columns: 2 });
    const { createCanvas } = await import('@napi-rs/canvas');
    const image = await loadImage(Buffer.from(png));
    const context = createCanvas(image.width, image.height).getContext('2d');
    context.drawImage(image, 0, 0);
    const at = (x: number, y: number) => context.getImageData(x, y, 1, 1).data[0];
    // The first frame begins at (12, 36); 20×10 pixels fill the middle half of its 100×100.
    assert.deepEqual([at(62, 86), at(62, 40), at(62, 130), at(2, 2)], [200, 0, 0, 255]);
  });

  it('captions with escaped names', () => {
    const { html } = frameMontage(pairs, hostile);
    assert.doesNotMatch(html, /<script/);
    assert.match(html, /alt="&lt;script&gt;.*<details>.*&lt;script&gt;/s);
  });
});
