import { fold, Random } from '../../tree/random.js';
import {
  BORDERS,
  CAP_ROWS,
  CAVITY_LEFT,
  CAVITY_RIGHT,
  FREE_WALL,
  heartAround,
  LATERAL_WALL,
  layerOf,
  LAYERS,
  LEFT_BLOOD,
  OUTER,
  OUTSIDE_LEFT,
  OUTSIDE_RIGHT,
  RIGHT_BLOOD,
  rowOf,
  ROWS,
  SEPTUM,
  VENTRICLE_ROWS,
  type Heart,
  type Segment,
} from './heart.js';
import { POOL_ROW } from './noise_pool.js';
import { createScanner, type Scanner } from './scanner.js';
import { heartAt, type PhantomStudy } from './study.js';
import { ventricleOf } from './ventricle.js';

/** What a study's pictures have in common: how strongly each piece of tissue scatters, and where it lay at end-diastole. */
interface Tissue {
  readonly scanner: Scanner;
  /** Strength of each layer in each row, `[LAYERS · row + layer]`. */
  readonly strength: Float32Array;
  readonly reference: Heart;
  readonly outside: number;
  readonly rim: number;
  readonly leaflet: number;
  /** Phase and wave numbers of the slow variation of the tissue around the heart. */
  readonly waves: readonly [phase: number, along: number, across: number];
  /** Where the study's scatterers begin in the noise pool. */
  readonly origin: number;
}

function decibels(level: number): number {
  return Math.pow(10, level / 20);
}

/** dB lost along a wall where the beam runs along its fibres. */
function dropout(random: Random, most: number): (row: number) => number {
  const at = 0.25 + 0.6 * random.uniform();
  const width = 0.1 + 0.2 * random.uniform();
  const depth = most * random.uniform();
  const ripple = 2 * random.normal();
  const phase = 6.28 * random.uniform();
  return (row) => {
    const s = (row - CAP_ROWS) / VENTRICLE_ROWS;
    return -depth * Math.exp(-(((s - at) / width) ** 2)) + ripple * Math.sin(9 * s + phase);
  };
}

function layerStrengths(random: Random): Float32Array {
  const septum = dropout(random, 9);
  const lateral = dropout(random, 18);
  const blood = decibels(-33 + 14 * random.uniform());
  const freeWall = decibels(-2 - 5 * random.uniform());
  const strength = new Float32Array(ROWS * LAYERS);
  for (let row = 0; row < ROWS; row++) {
    const atria = row >= CAP_ROWS + VENTRICLE_ROWS;
    const at = LAYERS * row;
    strength[at + FREE_WALL] = freeWall;
    strength[at + RIGHT_BLOOD] = blood;
    strength[at + SEPTUM] = decibels(atria ? -2 : septum(row));
    strength[at + LEFT_BLOOD] = blood;
    strength[at + LATERAL_WALL] = decibels(atria ? -3 : lateral(row));
  }
  return strength;
}

function prepare(study: PhantomStudy): Tissue {
  const random = new Random(fold(study.key, 'picture'));
  const full = ventricleOf(study.form.ventricle, study.fullest, 0);
  return {
    scanner: createScanner(study.probe, new Random(fold(study.key, 'scanner')), study.size),
    strength: layerStrengths(random),
    reference: heartAround(study.form, full, 0),
    outside: decibels(-18 + 8 * random.uniform()),
    rim: decibels(1 + 7 * random.uniform()),
    leaflet: decibels(-4 + 7 * random.uniform()),
    waves: [6.28 * random.uniform(), 0.1 * random.normal(), 0.06 * random.normal()],
    origin: random.integer(1 << 18),
  };
}

/** How much of a leaflet lies at a place: 1 within 0.8 mm, 0 from 2 mm. */
function onLeaflet([a0, b0, a1, b1]: Segment, a: number, b: number): number {
  const [da, db] = [a1 - a0, b1 - b0];
  const along = Math.min(1, Math.max(0, ((a - a0) * da + (b - b0) * db) / (da * da + db * db)));
  const distance = Math.hypot(a - a0 - along * da, b - b0 - along * db);
  return Math.min(1, Math.max(0, (2 - distance) / 1.2));
}

/** Places the heart's scatterers on the scanner's grid. */
function scatter(tissue: Tissue, heart: Heart, study: PhantomStudy, t: number): void {
  const { scanner, reference, strength, outside, rim, leaflet, origin } = tissue;
  const [phase, waveA, waveB] = tissue.waves;
  const { probe, placement } = study;
  const { length } = heart.ventricle;
  const { length: length0 } = reference.ventricle;
  const { borders, wall } = heart;
  const fixed = reference.borders;
  const stretch = length0 / length;
  const capStretch = reference.wall / wall;
  const reach = Math.max(...heart.leaflets.map((leaf) => length - leaf[2])) + 3;
  const hinges = [CAVITY_LEFT, CAVITY_RIGHT].map((k) => borders[BORDERS * (CAP_ROWS + VENTRICLE_ROWS - 1) + k] ?? 0);
  const [dx, dy] = [probe.tipX - placement.apexX, probe.tipY - placement.apexY];
  const [sin, cos] = [Math.sin(placement.tilt), Math.cos(placement.tilt)];
  const [a0, b0] = [dx * sin + dy * cos, dx * cos - dy * sin];
  const swirl = 2.1 * t;
  const density = 1 / scanner.step;

  for (let i = 0, at = 0; i < scanner.beams; i++) {
    const angle = (scanner.angles[i] as number) - placement.tilt;
    const stepA = scanner.step * Math.cos(angle);
    const stepB = scanner.step * Math.sin(angle);
    for (let j = 0; j < scanner.depths; j++, at++) {
      const a = a0 + j * stepA;
      const b = b0 + j * stepB;
      const row = rowOf(heart, a);
      let layer = OUTSIDE_LEFT;
      let restA = a;
      let restB = b;
      let level = outside;
      if (row >= 0 && row < ROWS) {
        const edge = BORDERS * row;
        layer = layerOf(borders, row, b);
        restA = a < 0 ? a * capStretch : a < length ? a * stretch : a - length + length0;
        if (layer === OUTSIDE_LEFT || layer === OUTSIDE_RIGHT) {
          const k = edge + (layer === OUTSIDE_LEFT ? 0 : OUTER);
          const away = Math.abs(b - (borders[k] as number));
          const follow = Math.max(0, 1 - away / 25);
          restB = b + follow * ((fixed[k] as number) - (borders[k] as number));
          restA = a + follow * (restA - a);
          if (away < 2.5 && layer === OUTSIDE_RIGHT) level = rim * (strength[LAYERS * row + LATERAL_WALL] as number);
        } else {
          const low = borders[edge + layer - 1] as number;
          const lowRest = fixed[edge + layer - 1] as number;
          const high = borders[edge + layer] as number;
          restB = lowRest + ((b - low) * ((fixed[edge + layer] as number) - lowRest)) / (high - low);
          level = strength[LAYERS * row + layer] as number;
        }
      }
      if (layer === OUTSIDE_LEFT || layer === OUTSIDE_RIGHT) {
        if (level === outside) {
          level *= 1 + 0.6 * Math.sin(phase + waveA * restA + waveB * restB);
        }
      } else if (layer === LEFT_BLOOD || layer === RIGHT_BLOOD) {
        restA += swirl;
        restB += 0.4 * swirl;
        if (a > length - reach && a < length + 3) {
          const first = layer === LEFT_BLOOD ? 0 : 2;
          const on = Math.max(
            onLeaflet(heart.leaflets[first] as Segment, a, b),
            onLeaflet(heart.leaflets[first + 1] as Segment, a, b),
          );
          level += leaflet * on;
        }
      } else if (Math.abs(a - length) < 3) {
        for (const hinge of hinges) if (Math.abs(b - hinge) < 3) level = Math.max(level, 1.6 * leaflet);
      }
      scanner.strength[at] = level;
      const u = restA * density;
      const v = restB * density;
      const [rowAt, columnAt] = [Math.floor(u), Math.floor(v)];
      scanner.scatterer[at] = origin + rowAt * POOL_ROW + columnAt;
      scanner.along[at] = u - rowAt;
      scanner.across[at] = v - columnAt;
    }
  }
}

const prepared = new WeakMap<PhantomStudy, Tissue>();

/** The picture of frame t (t may lie between frames), grey `[H·W]`, rows from the probe downwards. */
export function renderFrame(study: PhantomStudy, t: number): Uint8Array {
  const tissue = prepared.get(study) ?? prepare(study);
  prepared.set(study, tissue);
  scatter(tissue, heartAt(study, t), study, t);
  return tissue.scanner.picture(t);
}
