import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { biplaneVolume, discsOf, type Discs, type Spacing } from 'gemma-3ncore/data/simpson';
import type { GreyImage } from 'gemma-3ncore/files/image';

/** Half an ellipsoid: its base is the mitral valve, `long` the height above it, `half` the half axis in the view, mm. */
interface View {
  readonly long: number;
  readonly half: number;
  readonly spacing?: Spacing;
  /** Of the long axis against the picture's vertical, radians. */
  readonly tilt?: number;
  /** Share of the long axis that the valve cuts off below the equator, 0 none … 1 (nearly) the whole lower half. */
  readonly below?: number;
}

/** A picture of 180 mm: cavity, wall of 8 mm, atrium below the valve. */
function maskOf({ long, half, spacing = [0.5, 0.5], tilt = 0, below = 0 }: View): GreyImage {
  const [width, height] = spacing.map((mm) => Math.round(180 / mm)) as [number, number];
  const data = Uint8Array.from({ length: width * height }, (_, i) => {
    const x = (i % width) * spacing[0] - 90;
    const y = Math.floor(i / width) * spacing[1] - 90;
    const down = y * Math.cos(tilt) + x * Math.sin(tilt);
    const across = x * Math.cos(tilt) - y * Math.sin(tilt);
    const inside = (wall: number): boolean => (down / (long + wall)) ** 2 + (across / (half + wall)) ** 2 < 1;
    if (down > below * long) return inside(0) || (Math.abs(across) < half && down < 40) ? 3 : 0;
    return inside(0) ? 1 : inside(8) ? 2 : 0;
  });
  return { width, height, data };
}

function discsOfView(view: View): Discs {
  const found = discsOf(maskOf(view), view.spacing ?? [0.5, 0.5]);
  assert.ok(found.kind === 'discs', JSON.stringify(found));
  return found.discs;
}

const within = (value: number, expected: number, share: number): void =>
  assert.ok(Math.abs(value / expected - 1) < share, `${value}, expected ${expected}`);

describe("Simpson's biplane method of discs", () => {
  it('adds up diameters as the formula says', () => {
    // a cylinder of 40 × 30 mm, 80 mm long: π/4 · 40 · 30 · 80 mm³
    const cylinder = (diameter: number, length: number): Discs => ({ length, diameters: Array(20).fill(diameter) });
    within(biplaneVolume(cylinder(40, 80), cylinder(30, 72)), 75.3982, 1e-4);
  });

  // 2/3 · π · long · half · half of the other view; 20 discs of half an ellipsoid miss less than 0.1 % of it.
  const half = (long: number, a: number, b: number): number => ((2 / 3) * Math.PI * long * a * b) / 1000;

  it('measures half ellipsoids within 0.7 %', () => {
    for (const [long, a, b] of [
      [90, 25, 22],
      [70, 15, 18],
      [60, 9, 10],
    ] as const) {
      const volume = biplaneVolume(discsOfView({ long, half: a }), discsOfView({ long, half: b }));
      within(volume, half(long, a, b), 0.007);
    }
  });

  it('does not mind how the heart lies in the picture (0.7 %)', () => {
    for (let tilt = -0.7; tilt <= 0.7; tilt += 0.1) {
      const other = discsOfView({ long: 80, half: 20, tilt: -tilt });
      within(biplaneVolume(discsOfView({ long: 80, half: 24, tilt }), other), half(80, 24, 20), 0.007);
    }
  });

  it('takes the spacing of each view, however long and wide its pixels are (0.7 %)', () => {
    for (const tilt of [-0.4, 0, 0.3]) {
      const one = discsOfView({ long: 85, half: 23, tilt, spacing: [0.31, 0.77] });
      const other = discsOfView({ long: 85, half: 21, spacing: [0.9, 0.25] });
      within(biplaneVolume(one, other), half(85, 23, 21), 0.007);
    }
  });

  it('measures ellipsoids that the valve cuts below the equator (0.7 %)', () => {
    // ∫ π a b (1 − z²/L²) dz from the apex −L to the valve at 0.8 L
    const exact = (Math.PI * 24 * 20 * 50 * (0.8 - 0.8 ** 3 / 3 + 2 / 3)) / 1000;
    const one = discsOfView({ long: 50, half: 24, below: 0.8, tilt: 0.2 });
    within(biplaneVolume(one, discsOfView({ long: 50, half: 20, below: 0.8 })), exact, 0.007);
  });

  it('gives the discs the area of the mask, however long and wide its pixels are', () => {
    for (const spacing of [
      [1.4, 1.4],
      [0.31, 0.77],
      [0.9, 0.25],
    ] as const) {
      const mask = maskOf({ long: 80, half: 22, tilt: 0.3, spacing });
      const found = discsOf(mask, spacing);
      assert.ok(found.kind === 'discs');
      const { length, diameters } = found.discs;
      const area = diameters.reduce((sum, width) => sum + width, 0) * (length / diameters.length);
      within(area, mask.data.filter((label) => label === 1).length * spacing[0] * spacing[1], 1e-9);
    }
  });

  it('measures hearts of 8 to 140 mL in pixels of 1.4 mm, which EchoNet-Dynamic has about (3 %)', () => {
    for (let scale = 0.4; scale <= 1.05; scale += 0.05) {
      const view = { long: 80 * scale, spacing: [1.4, 1.4] as const };
      const one = discsOfView({ ...view, half: 27 * scale, tilt: 0.3 });
      const other = discsOfView({ ...view, half: 24 * scale, tilt: -0.2 });
      within(biplaneVolume(one, other), half(80 * scale, 27 * scale, 24 * scale), 0.03);
    }
  });

  it('leaves strays out', () => {
    const view = { long: 80, half: 22, tilt: 0.1 };
    const mask = maskOf(view);
    for (let i = 0; i < 40; i++) mask.data[i * 3] = 1;
    assert.deepEqual(discsOf(mask, [0.5, 0.5]), { kind: 'discs', discs: discsOfView(view) });
  });

  it('says why a mask has no discs', () => {
    const mask = (data: number[]): GreyImage => ({ width: 3, height: 3, data: Uint8Array.from(data) });
    const reason = (data: number[]): unknown => discsOf(mask(data), [1, 1]);
    assert.deepEqual(reason([0, 2, 2, 0, 3, 3, 0, 0, 0]), { kind: 'none', reason: 'mask without left ventricle' });
    assert.deepEqual(reason([2, 2, 2, 2, 1, 2, 2, 2, 2]), { kind: 'none', reason: 'mask without mitral valve' });
    assert.deepEqual(reason([1, 1, 1, 1, 1, 1, 1, 1, 1]), { kind: 'none', reason: 'mask without mitral valve' });
  });
});
