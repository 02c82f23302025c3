import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { phantomShapes, SHAPE_KINDS } from 'gemma-3ncore/data/phantom/shapes';
import { phantomStudy } from 'gemma-3ncore/data/phantom/study';
import { phantomLandmarks, phantomMasks } from 'gemma-3ncore/data/phantom/targets';
import { batchesAhead } from 'gemma-3ncore/miniatures/batches_ahead';
import { areaFractions, heartBatches, landmarkCoordinates, LABELS } from 'gemma-3ncore/miniatures/hearts';
import { CELL_LABELS, cellFractions, ellipseNumbers, shapeBatches } from 'gemma-3ncore/miniatures/shapes';
import { drawerOf } from 'gemma-3ncore/miniatures/subjects';
import { rootKey } from 'gemma-3ncore/tree/random';
import { assertClose } from '../support/compare.js';

const hearts = { subject: 'hearts', seed: 990000, batch: 4, size: 112 } as const;
const shapes = { subject: 'shapes', seed: 990000, batch: 4, size: 112 } as const;

/** The sums of rows of `width` values. */
function rowSums(values: Float32Array, width: number): number[] {
  return Array.from({ length: values.length / width }, (_, row) =>
    values.slice(row * width, (row + 1) * width).reduce((sum, value) => sum + value, 0),
  );
}

describe('miniatures/hearts', () => {
  const study = phantomStudy(990000, 0, 112);

  it('gives each token the shares of the labels in it', () => {
    const fractions = areaFractions(study, study.edFrame);
    assert.equal(fractions.length, 14 * 14 * LABELS);
    // Sums of multiples of 1/16 are exact in fp32.
    assert.ok(rowSums(fractions, LABELS).every((sum) => sum === 1));
    const mask = phantomMasks(study, study.edFrame, 56);
    for (let label = 0; label < LABELS; label++) {
      const cells = mask.filter((value) => value === label).length;
      const tokens = fractions.filter((_, at) => at % LABELS === label).reduce((sum, value) => sum + value, 0);
      assert.equal(tokens, cells / 16);
      assert.ok(cells > 0, `no cell has label ${label}`);
    }
  });

  it('scales landmarks from border to border', () => {
    const { apex, annulus } = phantomLandmarks(study, 3);
    const back = landmarkCoordinates(study, 3).map((x) => ((x + 1) * 112) / 2 - 0.5);
    assertClose(back, [...apex, ...annulus[0], ...annulus[1]], 1e-9);
  });

  it('draws the batch of a step alike alone and in a row, and another one for another step', () => {
    const draw = heartBatches(hearts);
    const inRow = [0, 1, 2].map(draw);
    assert.deepEqual(heartBatches(hearts)(2), inRow[2]);
    assert.notDeepEqual(inRow[1]?.images, inRow[2]?.images);
  });
});

describe('miniatures/shapes', () => {
  it('tells kind, ellipse and where it lies', () => {
    const { images, targets } = shapeBatches(shapes)(5);
    assert.equal(images.length, 4 * 112 * 112);
    const [kinds, , cells] = targets as [Float32Array, Float32Array, Float32Array];
    assert.deepEqual(rowSums(kinds, SHAPE_KINDS.length), [1, 1, 1, 1]);
    assert.ok(rowSums(cells, CELL_LABELS).every((sum) => sum === 1));
  });

  it('covers in the cells the area of the ellipse', () => {
    const shape = phantomShapes(rootKey(990000), 112);
    const ellipse = { ...shape, kind: 'mass', centre: [50.5, 60], axes: [30, 20], angle: 0.5 } as const;
    const cells = cellFractions(ellipse, 112);
    const label = SHAPE_KINDS.indexOf('mass');
    const area = cells.filter((_, at) => at % CELL_LABELS === label).reduce((sum, share) => sum + 16 * 16 * share, 0);
    // 28 × 28 points sample the area.
    assertClose([area], [Math.PI * 30 * 20], 40);
    const numbers = ellipseNumbers(ellipse, 112);
    const expected = [-0.0893, 0.0804, Math.log(30 / 14), Math.log(20 / 14), Math.cos(1) / 3, Math.sin(1) / 3];
    assertClose(numbers, expected, 1e-4);
  });
});

describe('miniatures/batches_ahead', () => {
  it('gives from its thread the batches of the steps in order', async () => {
    const draw = drawerOf(shapes);
    let step = 0;
    for await (const batch of batchesAhead(shapes, 8)) assert.deepEqual(batch, draw(step++));
    assert.equal(step, 8);
  });
});
