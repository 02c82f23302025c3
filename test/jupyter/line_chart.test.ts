import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JSDOM } from 'jsdom';
import { lineChartSvg, niceTicks } from 'gemma-3ncore/jupyter/line_chart';

const options = { title: 'a < b', xLabel: 'step', yLabel: 'loss' };

/** The curves' paths, as lists of points, of a picture that must be well-formed XML. */
function curvesOf(svg: string): number[][][] {
  const { document } = new JSDOM(svg, { contentType: 'image/svg+xml' }).window;
  const paths = [...document.querySelectorAll('path[stroke-linecap]')].map((path) => path.getAttribute('d') ?? '');
  return paths.map((d) => [...d.matchAll(/[ML]([\d.]+) ([\d.]+)/g)].map((m) => [Number(m[1]), Number(m[2])]));
}

test('ticks are round numbers inside the range', () => {
  assert.deepEqual(niceTicks(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(niceTicks(-3, 17), [0, 5, 10, 15]);
  assert.deepEqual(niceTicks(0.0012, 0.0019), [0.0012, 0.0014, 0.0016, 0.0018]);
});

test('points stand where the scale puts them: ends at the frame, halves in the middle', () => {
  const [points] = curvesOf(lineChartSvg([{ name: 's', x: [0, 1, 2], y: [0, 5, 10] }], options));
  assert.deepEqual(points, [
    [68, 274],
    [346, 166],
    [624, 58],
  ]);
});

test('a logarithmic axis puts the geometric mean in the middle and leaves zeros out', () => {
  const [points] = curvesOf(
    lineChartSvg([{ name: 's', x: [0, 1, 2, 3], y: [0.01, 1, 100, 0] }], { ...options, logY: true }),
  );
  assert.deepEqual(
    points?.map((point) => point[1]),
    [274, 166, 58],
  );
});

test('gaps, single points, no points and equal values give a picture without NaN', () => {
  const series = [
    { name: 'gap', x: [0, 1, 2], y: [1, NaN, 3] },
    { name: 'flat', x: [0, 1], y: [2, 2] },
    { name: 'none', x: [], y: [] },
  ];
  for (const logY of [false, true]) {
    const cases = [series, series.slice(1, 2), series.slice(2), [{ name: 'one', x: [0], y: [0] }]];
    for (const some of cases) assert.doesNotMatch(lineChartSvg(some, { ...options, logY }), /NaN|Infinity/);
  }
});

test('long curves are thinned and keep their last point', () => {
  const x = Array.from({ length: 50_001 }, (_, i) => i);
  const [points] = curvesOf(lineChartSvg([{ name: 's', x, y: x }], options));
  assert.ok((points?.length ?? 0) <= 602);
  assert.deepEqual(points?.at(-1), [624, 58]);
});
