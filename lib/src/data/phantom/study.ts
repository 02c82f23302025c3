import { fold, Random, rootKey, type Key } from '../../tree/random.js';
import { drawCycle, emptied, mitralOpening, type Cycle } from './cycle.js';
import { drawHeartForm, heartAround, type Heart, type HeartForm } from './heart.js';
import { drawVitals } from './population.js';
import { chord, discVolume, drawForm, ventricleOf, type Ventricle } from './ventricle.js';
import { drawProbe, FIELD_MM, toPixels, type Placement, type Probe } from './view.js';

/** A phantom patient's apical four-chamber cine, complete but not yet drawn; every picture and label follows from it. */
export interface PhantomStudy {
  /** `PHANTOM0001`. */
  readonly name: string;
  /** The stream of random numbers of this study. */
  readonly key: Key;
  /** Side of its square pictures, pixels. */
  readonly size: number;
  readonly fps: number;
  readonly frames: number;
  /** Traced frames, 0-based. */
  readonly edFrame: number;
  readonly esFrame: number;
  /** Volumes of the drawn endocardium at those frames by the method of discs, mL, and the EF (%) that they give. */
  readonly EDV: number;
  readonly ESV: number;
  readonly EF: number;
  readonly cycle: Cycle;
  readonly form: HeartForm;
  readonly probe: Probe;
  readonly placement: Placement;
  /** Volumes that the cycle runs between, mL. */
  readonly fullest: number;
  readonly emptiest: number;
}

/** Pixel coordinates, pixel centres at whole numbers. */
export type Point = readonly [x: number, y: number];

/** Share of points along the endocardium of a full ventricle that the sector shows. */
function visible(probe: Probe, placement: Placement, ventricle: Ventricle): number {
  let inside = 0;
  for (let k = 1; k <= 10; k++) {
    const { left, right } = chord(ventricle, k / 10);
    for (const b of [left, right]) {
      const [x, y] = toField(placement, (k / 10) * ventricle.length, b);
      const angle = Math.atan2(x - probe.tipX, y - probe.tipY) - probe.steer;
      if (Math.abs(angle) < probe.halfAngle - 0.03) inside += 0.05;
    }
  }
  return inside;
}

/** The best of some random placements: a standard view shows the whole ventricle. */
export function drawPlacement(random: Random, probe: Probe, wall: number, ventricle: Ventricle): Placement {
  let best: Placement | undefined;
  let most = -1;
  for (let attempt = 0; attempt < 12 && most < 0.99; attempt++) {
    const depth = wall + 5 + 12 * random.uniform() + 0.12 * ventricle.width;
    const apexX = Math.min(FIELD_MM - 30, probe.tipX + 5 + 5 * random.normal());
    const tilt = 0.04 + 0.11 * random.normal();
    const candidate = { apexX, apexY: probe.tipY + depth, tilt };
    const share = visible(probe, candidate, ventricle);
    if (share > most) [best, most] = [candidate, share];
  }
  return best as Placement;
}

/** Millimetres in the picture of a place in the frame of the long axis. */
export function toField({ apexX, apexY, tilt }: Placement, a: number, b: number): Point {
  const [sin, cos] = [Math.sin(tilt), Math.cos(tilt)];
  return [apexX + a * sin + b * cos, apexY + a * cos - b * sin];
}

/** The place in the frame of the long axis of millimetres in the picture, the inverse of {@link toField}. */
export function toHeart({ apexX, apexY, tilt }: Placement, x: number, y: number): readonly [a: number, b: number] {
  const [sin, cos] = [Math.sin(tilt), Math.cos(tilt)];
  return [(x - apexX) * sin + (y - apexY) * cos, (x - apexX) * cos - (y - apexY) * sin];
}

/** The study of a seed and a 0-based index, for square pictures of `size` pixels: always the same one. */
export function phantomStudy(seed: number, index: number, size: number): PhantomStudy {
  const key = fold(fold(rootKey(seed), 'phantom'), index);
  const stream = (name: string): Random => new Random(fold(key, name));
  const vitals = drawVitals(stream('vitals'));
  const cycle = drawCycle(stream('cycle'), vitals);
  const ventricleForm = drawForm(stream('ventricle'), vitals);
  const full = ventricleOf(ventricleForm, vitals.EDV, 0);
  const form = drawHeartForm(stream('heart'), ventricleForm, full);
  const probe = drawProbe(stream('probe'));
  const placement = drawPlacement(stream('placement'), probe, form.wall, full);
  const EDV = discVolume(full);
  const ESV = discVolume(ventricleOf(ventricleForm, vitals.ESV, 1));
  return {
    name: `PHANTOM${String(index + 1).padStart(4, '0')}`,
    ...{ key, size, fps: vitals.fps, frames: cycle.frames, edFrame: cycle.edFrame, esFrame: cycle.esFrame },
    ...{ EDV, ESV, EF: (100 * (EDV - ESV)) / EDV, cycle, form, probe, placement },
    ...{ fullest: vitals.EDV, emptiest: vitals.ESV },
  };
}

/** The left ventricle at frame t (may lie between frames). */
export function ventricleAt({ form, cycle, fullest, emptiest }: PhantomStudy, t: number): Ventricle {
  const share = emptied(cycle, t);
  return ventricleOf(form.ventricle, fullest - share * (fullest - emptiest), share);
}

/** The whole heart at frame t. */
export function heartAt(study: PhantomStudy, t: number): Heart {
  return heartAround(study.form, ventricleAt(study, t), mitralOpening(study.cycle, t));
}

/** Volume of the drawn endocardium at frame t by the method of discs, mL. */
export function volumeAt(study: PhantomStudy, t: number): number {
  return discVolume(ventricleAt(study, t));
}

/** The picture's pixel of a place in the frame of the long axis. */
export function toPicture({ placement, size }: PhantomStudy, a: number, b: number): Point {
  const [x, y] = toField(placement, a, b);
  return [toPixels(x, size), toPixels(y, size)];
}
