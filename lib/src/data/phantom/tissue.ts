import { Random, type Key } from '../../tree/random.js';
import {
  BORDERS,
  CAP_ROWS,
  CAVITY_LEFT,
  CAVITY_RIGHT,
  FREE_WALL,
  LATERAL_WALL,
  layerOf,
  LAYERS,
  LEFT_BLOOD,
  OUTER,
  OUTSIDE_LEFT,
  OUTSIDE_RIGHT,
  RIGHT_BLOOD,
  RIGHT_OUTER,
  rowOf,
  ROWS,
  SEPTUM,
  VENTRICLE_ROWS,
  type Heart,
  type Segment,
} from './heart.js';

/** How strongly each piece of a heart and what lies around it scatters (1 = myocardium), constant over the clip. */
export interface Tissue {
  /** Strength of each layer in each row, `[LAYERS · row + layer]`. */
  readonly strength: Float32Array;
  readonly outside: number;
  /** The pericardium beside the lateral wall, against that wall. */
  readonly rim: number;
  readonly leaflet: number;
  /** Phase and wave numbers (a mm) of the slow variation of the tissue around the heart. */
  readonly waves: readonly [phase: number, along: number, across: number];
  /** The heart at end-diastole, where every scatterer has its place. */
  readonly reference: Heart;
}

/** Distance over which tissue outside follows the heart's border, and thickness of the pericardium, mm. */
const FOLLOWING = 25;
const RIM = 2.5;

/** Drift of the blood's speckle, mm a frame. */
const SWIRL = 2.1;

function decibels(level: number): number {
  return Math.pow(10, level / 20);
}

/** dB lost along a wall where the beam runs along its fibres. */
function dropout(random: Random, most: number): (row: number) => number {
  const at = 0.25 + 0.6 * random.uniform();
  const width = 0.1 + 0.2 * random.uniform();
  const depth = most * random.uniform();
  const ripple = 2 * random.normal();
  const phase = 2 * Math.PI * random.uniform();
  return (row) => {
    const s = (row - CAP_ROWS) / VENTRICLE_ROWS;
    return -depth * Math.exp(-(((s - at) / width) ** 2)) + ripple * Math.sin(9 * s + phase);
  };
}

function drawStrengths(random: Random): Float32Array {
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

export function drawTissue(key: Key, reference: Heart): Tissue {
  const random = new Random(key);
  return {
    reference,
    strength: drawStrengths(random),
    outside: decibels(-18 + 8 * random.uniform()),
    rim: decibels(1 + 7 * random.uniform()),
    leaflet: decibels(-4 + 7 * random.uniform()),
    waves: [2 * Math.PI * random.uniform(), 0.1 * random.normal(), 0.06 * random.normal()],
  };
}

/** How much of a leaflet lies at a place: 1 within 0.8 mm, 0 from 2 mm. */
function onLeaflet([a0, b0, a1, b1]: Segment, a: number, b: number): number {
  const da = a1 - a0;
  const db = b1 - b0;
  const along = Math.min(1, Math.max(0, ((a - a0) * da + (b - b0) * db) / (da * da + db * db)));
  const offA = a - a0 - along * da;
  const offB = b - b0 - along * db;
  const distance = Math.sqrt(offA * offA + offB * offB);
  return Math.min(1, Math.max(0, (2 - distance) / 1.2));
}

/**
 * The tissue of a heart at one moment. `look(a, b)` finds what lies at a place (mm in the frame of the long axis) and leaves
 * its strength in `level` and its place at end-diastole in `restA`, `restB`: an answer without an object for each sample.
 */
export class MovingTissue {
  level = 0;
  restA = 0;
  restB = 0;
  private readonly length: number;
  private readonly restLength: number;
  private readonly leafletsFrom: number;
  private readonly hinges: readonly [septal: number, lateral: number];

  constructor(
    private readonly tissue: Tissue,
    private readonly heart: Heart,
    private readonly frame: number,
  ) {
    const base = BORDERS * (CAP_ROWS + VENTRICLE_ROWS - 1);
    this.length = heart.ventricle.length;
    this.restLength = tissue.reference.ventricle.length;
    this.leafletsFrom = Math.min(...heart.leaflets.map(([, , tip]) => tip)) - 2;
    this.hinges = [heart.borders[base + CAVITY_LEFT] as number, heart.borders[base + CAVITY_RIGHT] as number];
  }

  look(a: number, b: number): void {
    const row = rowOf(this.heart, a);
    this.restA = a;
    this.restB = b;
    if (row < 0 || row >= ROWS) {
      this.surroundings();
      return;
    }
    const layer = layerOf(this.heart.borders, row, b);
    if (layer === OUTSIDE_LEFT) this.beside(row, BORDERS * row + RIGHT_OUTER, a, b);
    else if (layer === OUTSIDE_RIGHT) this.beside(row, BORDERS * row + OUTER, a, b);
    else this.inside(row, layer, a, b);
  }

  /** The place at end-diastole along the axis: the walls shorten, the atria are carried along. */
  private restAlong(a: number): number {
    if (a < 0) return (a * this.tissue.reference.wall) / this.heart.wall;
    return a < this.length ? (a * this.restLength) / this.length : a - this.length + this.restLength;
  }

  private surroundings(): void {
    const [phase, along, across] = this.tissue.waves;
    this.level = this.tissue.outside * (1 + 0.6 * Math.sin(phase + along * this.restA + across * this.restB));
  }

  private beside(row: number, border: number, a: number, b: number): void {
    const edge = this.heart.borders[border] as number;
    const away = Math.abs(b - edge);
    const follow = Math.max(0, 1 - away / FOLLOWING);
    this.restA = a + follow * (this.restAlong(a) - a);
    this.restB = b + follow * ((this.tissue.reference.borders[border] as number) - edge);
    if (b > edge && away < RIM) {
      this.level = this.tissue.rim * (this.tissue.strength[LAYERS * row + LATERAL_WALL] as number);
    } else this.surroundings();
  }

  private inside(row: number, layer: number, a: number, b: number): void {
    const { tissue, heart } = this;
    const right = BORDERS * row + layer;
    const low = heart.borders[right - 1] as number;
    const restLow = tissue.reference.borders[right - 1] as number;
    const stretch = ((tissue.reference.borders[right] as number) - restLow) / ((heart.borders[right] as number) - low);
    this.restA = this.restAlong(a);
    this.restB = restLow + (b - low) * stretch;
    this.level = tissue.strength[LAYERS * row + layer] as number;
    if (layer === LEFT_BLOOD || layer === RIGHT_BLOOD) this.blood(layer, a, b);
    else if (Math.abs(a - this.length) < 3) this.annulus(b);
  }

  private blood(layer: number, a: number, b: number): void {
    this.restA += SWIRL * this.frame;
    this.restB += 0.4 * SWIRL * this.frame;
    if (a < this.leafletsFrom || a > this.length + 2) return;
    const first = layer === LEFT_BLOOD ? 0 : 2;
    const [one, other] = [this.heart.leaflets[first] as Segment, this.heart.leaflets[first + 1] as Segment];
    this.level += this.tissue.leaflet * Math.max(onLeaflet(one, a, b), onLeaflet(other, a, b));
  }

  /** The fibrous ring is bright where the leaflets are hinged. */
  private annulus(b: number): void {
    const [septal, lateral] = this.hinges;
    if (Math.min(Math.abs(b - septal), Math.abs(b - lateral)) < 3) {
      this.level = Math.max(this.level, 1.6 * this.tissue.leaflet);
    }
  }
}
