import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JSDOM } from 'jsdom';
import { contentBox, measureText, pageBox, parseTransform } from 'gemma-3ncore/report/svg_geometry';

const font = 'font-size="10" font-family="monospace"';
const { document } = new JSDOM(`<svg ${font}>
  <g id="g" transform="translate(100,50)"><g transform="rotate(-90,10,20) scale(2)">
    <rect id="r" x="1" y="2" width="3" height="4"/></g><defs><rect width="999" height="999"/></defs></g>
  <text id="end" x="50" y="20" style="text-anchor: end">abcd</text>
  <text id="two" x="50" y="20" text-anchor="middle"><tspan class="line" dy="0em">abcdef</tspan><tspan class="line" dy="1.3em">a</tspan></text>
  <text id="empty"></text></svg>`).window;

const element = (id: string): Element => document.getElementById(id)!;

/** Rounding of sines. */
function near(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-9, `${actual} instead of ${expected}`));
}

describe('report/svg_geometry', () => {
  it('reads transforms in SVG’s order', () => {
    near(parseTransform(null), [1, 0, 0, 1, 0, 0]);
    near(parseTransform('translate(3) scale(2, 4)'), [2, 0, 0, 4, 3, 0]);
    near(parseTransform('scale(2)translate(3,1)'), [2, 0, 0, 2, 6, 2]);
    near(parseTransform('rotate(90)'), [0, 1, -1, 0, 0, 0]);
    near(parseTransform('matrix(1 2 3 4 5 6)'), [1, 2, 3, 4, 5, 6]);
  });

  it('finds where an element stands on the page', () => {
    // (x, y) → scale: (2x, 2y) → rotate −90° about (10, 20): (10 + (2y − 20), 20 − (2x − 10)) → + (100, 50)
    const { left, right, top, bottom } = pageBox(element('r'))!;
    near([left, right, top, bottom], [94, 102, 72, 78]);
    assert.deepEqual(pageBox(element('g')), pageBox(element('r')));
  });

  it('places text by its anchor and its lines below each other', () => {
    const one = measureText('abcd', 10, 'monospace');
    const end = contentBox(element('end'))!;
    near([end.right, end.right - end.left, end.top, end.bottom], [50, one.width, 20 - one.ascent, 20 + one.descent]);
    const two = contentBox(element('two'))!;
    near([(two.left + two.right) / 2, two.right - two.left], [50, measureText('abcdef', 10, 'monospace').width]);
    near([two.bottom], [33 + one.descent]);
    assert.equal(contentBox(element('empty')), undefined);
  });
});
