import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mean, sampleCorrelation, standardDeviation } from 'simple-statistics';
import { renderFrame } from 'gemma-3ncore/data/phantom/render';
import { phantomShapes, SHAPE_KINDS } from 'gemma-3ncore/data/phantom/shapes';
import { phantomStudy, volumeAt, type PhantomStudy } from 'gemma-3ncore/data/phantom/study';
import { LEFT_ATRIUM, LV_CAVITY, MYOCARDIUM } from 'gemma-3ncore/data/mask_labels';
import { phantomLandmarks, phantomMasks, phantomTracing } from 'gemma-3ncore/data/phantom/targets';
import { pixelMm } from 'gemma-3ncore/data/phantom/view';
import { fold, rootKey } from 'gemma-3ncore/tree/random';
import { shoelace } from '../support/polygon.js';

const SIZE = 112;
const some = Array.from({ length: 12 }, (_, i) => phantomStudy(5, i, SIZE));

/** Polygon of a tracing as EchoNet-Dynamic's rows give it, closed by the ends of the long axis. */
function outline(study: PhantomStudy, t: number): [number, number][] {
  const [axis, ...chords] = phantomTracing(study, t);
  const { annulus } = phantomLandmarks(study, t);
  return [
    [axis![0], axis![1]],
    ...chords.map(([x, y]): [number, number] => [x, y]),
    [...annulus[0]],
    [...annulus[1]],
    ...chords.map(([, , x, y]): [number, number] => [x, y]).reverse(),
  ];
}

function meanWhere(values: Uint8Array, mask: Uint8Array, label: number): number {
  return mean([...values].filter((_, i) => mask[i] === label));
}

describe('phantom study', () => {
  it('has labels distributed like EchoNet-Dynamic (EF 55.7 ± 12.5, ESV 43.3 ± 34.5, EDV 91.0 ± 45.7)', () => {
    const studies = Array.from({ length: 1000 }, (_, i) => phantomStudy(11, i, SIZE));
    const [EF, ESV, EDV] = (['EF', 'ESV', 'EDV'] as const).map((label) => studies.map((s) => s[label])) as [
      number[],
      number[],
      number[],
    ];
    // four standard errors of a mean of 1000 and about four of a standard deviation of such skewed labels
    const near = (values: number[], m: number, m4: number, sd: number, sd4: number): void => {
      assert.ok(Math.abs(mean(values) - m) < m4, `mean ${mean(values)}`);
      assert.ok(Math.abs(standardDeviation(values) - sd) < sd4, `standard deviation ${standardDeviation(values)}`);
    };
    near(EF, 55.7, 1.6, 12.5, 1.5);
    near(ESV, 43.3, 4.4, 34.5, 8);
    near(EDV, 91, 5.8, 45.7, 7);
    assert.ok(Math.min(...EF) >= 10 && Math.max(...EF) <= 85);
    assert.ok(Math.min(...EF) < 20 && Math.max(...EF) > 70);
    assert.ok(sampleCorrelation(EF, ESV) < -0.65 && sampleCorrelation(EF, ESV) > -0.9);
    const later = studies.filter((s) => s.esFrame > s.edFrame).length;
    assert.ok(later > 600 && later < 800, `ES after ED in ${later}`);
  });

  it('is largest at edFrame, smallest at esFrame, and has the labelled volumes there', () => {
    for (const study of Array.from({ length: 100 }, (_, i) => phantomStudy(3, i, SIZE))) {
      const volumes = Array.from({ length: study.frames }, (_, t) => volumeAt(study, t));
      assert.equal(volumes.indexOf(Math.max(...volumes)), study.edFrame);
      assert.equal(volumes.indexOf(Math.min(...volumes)), study.esFrame);
      assert.ok(Math.abs(volumes[study.edFrame]! - study.EDV) < 1e-6);
      assert.ok(Math.abs(volumes[study.esFrame]! - study.ESV) < 1e-6);
      assert.ok(Math.abs(study.EF - (100 * (study.EDV - study.ESV)) / study.EDV) < 1e-9);
    }
  });

  it('beats at least one and a half times, with systole shorter than diastole, and moves smoothly', () => {
    for (const study of some) {
      assert.ok(study.frames >= 1.5 * study.cycle.beat);
      assert.ok(study.cycle.systole < study.cycle.beat / 2);
      for (let t = 1; t < study.frames; t++) {
        const change = Math.abs(volumeAt(study, t) - volumeAt(study, t - 1));
        // a cosine over 10 frames or more changes by at most 16 % of the stroke a frame; the E wave is faster
        assert.ok(change < 0.35 * (study.EDV - study.ESV), `${study.name} jumps by ${change} mL at ${t}`);
      }
    }
  });

  it('does not depend on the order in which studies are made, nor its geometry on the size', () => {
    const again = phantomStudy(5, 3, SIZE);
    assert.deepEqual(again, some[3]);
    assert.deepEqual(renderFrame(again, 4), renderFrame(some[3]!, 4));
    const large = phantomStudy(5, 3, 224);
    assert.equal(large.EDV, again.EDV);
    const [x, y] = phantomLandmarks(again, 0).apex;
    const [xLarge, yLarge] = phantomLandmarks(large, 0).apex;
    assert.ok(Math.hypot((x + 0.5) * 2 - (xLarge + 0.5), (y + 0.5) * 2 - (yLarge + 0.5)) < 1e-9);
    assert.notDeepEqual(renderFrame(phantomStudy(6, 3, SIZE), 4), renderFrame(again, 4));
  });

  it('draws each frame alike whichever were drawn before', () => {
    const [a, b] = [phantomStudy(5, 1, SIZE), phantomStudy(5, 1, SIZE)];
    renderFrame(a, 9);
    renderFrame(a, 2);
    assert.deepEqual(renderFrame(a, 7), renderFrame(b, 7));
  });

  it('is black outside the sector, and the blood is darker than the muscle', () => {
    const darker = some.filter((study) => {
      const image = renderFrame(study, study.edFrame);
      assert.equal(image.length, SIZE * SIZE);
      for (const corner of [0, SIZE - 1, SIZE * 20, SIZE * 21 - 1]) assert.equal(image[corner], 0);
      const mask = phantomMasks(study, study.edFrame, SIZE);
      return meanWhere(image, mask, MYOCARDIUM) > 1.5 * meanWhere(image, mask, LV_CAVITY);
    });
    assert.ok(darker.length >= 11, `${darker.length} of 12`);
  });

  it('has speckle that moves with the wall', () => {
    const septum = (study: PhantomStudy, t: number): [number, number] => {
      const [x1, y1, x2, y2] = phantomTracing(study, t)[17]!;
      const width = Math.hypot(x2 - x1, y2 - y1);
      return [x1 - (3 * (x2 - x1)) / width, y1 - (3 * (y2 - y1)) / width];
    };
    const patch = (image: Uint8Array, [x, y]: [number, number]): number[] =>
      Array.from({ length: 49 }, (_, k) => {
        const [i, j] = [Math.round(x) + (k % 7) - 3, Math.round(y) + Math.floor(k / 7) - 3];
        return image[j * SIZE + i]!;
      });
    const gains = some.map((study) => {
      const later = study.edFrame + Math.round(study.cycle.systole / 2);
      const [first, second] = [renderFrame(study, study.edFrame), renderFrame(study, later)];
      const before = patch(first, septum(study, study.edFrame));
      const moved = sampleCorrelation(before, patch(second, septum(study, later)));
      return moved - sampleCorrelation(before, patch(second, septum(study, study.edFrame)));
    });
    assert.ok(mean(gains) > 0.2, `following the wall gains ${mean(gains)} in correlation`);
  });
});

describe('phantom targets', () => {
  it('has masks whose cavity is the traced polygon', () => {
    for (const study of some) {
      for (const t of [study.edFrame, study.esFrame]) {
        const grid = 2 * SIZE;
        const cells = phantomMasks(study, t, grid).reduce((n, label) => n + Number(label === LV_CAVITY), 0);
        const area = shoelace(outline(study, t)) * pixelMm(study.size) ** 2;
        const ratio = (cells * pixelMm(grid) ** 2) / area;
        // straight lines between chords cut the apex short by about 1 %, cells round by as much
        assert.ok(Math.abs(ratio - 1) < 0.03, `${study.name} frame ${t}: ${ratio}`);
      }
    }
  });

  it('has the muscle around the cavity and the atrium below the annulus', () => {
    for (const study of some) {
      const mask = phantomMasks(study, study.esFrame, SIZE);
      const at = (x: number, y: number): number => mask[Math.round(y) * SIZE + Math.round(x)]!;
      const [axis, ...chords] = phantomTracing(study, study.esFrame);
      const [x1, y1, x2, y2] = chords[10]!;
      const [ux, uy] = [(x2 - x1) / Math.hypot(x2 - x1, y2 - y1), (y2 - y1) / Math.hypot(x2 - x1, y2 - y1)];
      assert.equal(at((x1 + x2) / 2, (y1 + y2) / 2), LV_CAVITY);
      assert.equal(at(x1 - 3 * ux, y1 - 3 * uy), MYOCARDIUM);
      assert.equal(at(x2 + 3 * ux, y2 + 3 * uy), MYOCARDIUM);
      const [ax, ay, bx, by] = axis!;
      const length = Math.hypot(bx - ax, by - ay);
      const [vx, vy] = [(bx - ax) / length, (by - ay) / length];
      assert.equal(at(bx + 6 * vx, by + 6 * vy), LEFT_ATRIUM);
      assert.equal(at(ax - 3 * vx, ay - 3 * vy), MYOCARDIUM);
    }
  });

  it('has the annulus at the end of the long axis, moving towards a still apex in systole', () => {
    for (const study of some) {
      const [ed, es] = [study.edFrame, study.esFrame].map((t) => phantomLandmarks(study, t));
      const long = ({ apex, annulus: [a, b] }: typeof ed & object): number =>
        Math.hypot((a[0] + b[0]) / 2 - apex[0], (a[1] + b[1]) / 2 - apex[1]);
      assert.ok(long(es!) < long(ed!));
      assert.ok(Math.hypot(ed!.apex[0] - es!.apex[0], ed!.apex[1] - es!.apex[1]) < 2);
    }
  });
});

describe('phantom shapes', () => {
  it('has every kind, the same image for a key, the centre inside the picture', () => {
    const shapes = Array.from({ length: 60 }, (_, i) => phantomShapes(fold(rootKey(1), i), 64));
    assert.deepEqual([...new Set(shapes.map((s) => s.kind))].sort(), [...SHAPE_KINDS].sort());
    assert.deepEqual(phantomShapes(fold(rootKey(1), 7), 64), shapes[7]);
    for (const { centre, axes, angle, image } of shapes) {
      assert.equal(image.length, 64 * 64);
      assert.ok(centre.every((c) => c > 0 && c < 63));
      assert.ok(axes[0] >= axes[1] && axes[1] > 0 && angle >= 0 && angle < Math.PI);
    }
  });

  it('shows cavities darker and masses brighter at their centre than the picture around', () => {
    const shapes = Array.from({ length: 80 }, (_, i) => phantomShapes(fold(rootKey(2), i), 64));
    const contrast = (kind: string): number =>
      mean(
        shapes
          .filter((s) => s.kind === kind)
          .map(({ image, centre: [x, y] }) => {
            const inside = [...image].filter((_, at) => Math.hypot((at % 64) - x, Math.floor(at / 64) - y) < 3);
            const ring = [...image].filter((v, at) => v > 0 && Math.hypot((at % 64) - x, Math.floor(at / 64) - y) < 24);
            return mean(inside) - mean(ring);
          }),
      );
    assert.ok(contrast('cavity') < -15, `cavity ${contrast('cavity')}`);
    assert.ok(contrast('mass') > 10, `mass ${contrast('mass')}`);
  });
});
