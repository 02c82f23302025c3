import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intersectsItself, polygonArea } from 'gemma-3ncore/data/polygon';

const square = [0, 0, 2, 0, 2, 2, 0, 2];

describe('data/polygon', () => {
  it('has an area whichever way round and wherever it lies', () => {
    assert.equal(polygonArea(square), 4);
    assert.equal(polygonArea([0, 2, 2, 2, 2, 0, 0, 0]), 4);
    assert.equal(polygonArea(square.map((value) => value + 100)), 4);
    assert.equal(polygonArea([0, 0, 4, 0, 0, 3]), 6);
    assert.equal(polygonArea([]), 0);
  });

  it('intersects itself where edges cross, not where they touch', () => {
    assert.equal(intersectsItself(square), false);
    assert.equal(intersectsItself([0, 0, 2, 2, 2, 0, 0, 2]), true);
    // An apex whose chord has no length, and corners that lie on another edge.
    assert.equal(intersectsItself([1, 0, 0, 2, 2, 2, 1, 0]), false);
    assert.equal(intersectsItself([0, 0, 2, 0, 2, 2, 1, 0, 0, 2]), false);
  });
});
