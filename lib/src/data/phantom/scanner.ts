import type { Random } from '../../tree/random.js';
import { noisePool, POOL_MASK, POOL_ROW } from './noise_pool.js';
import { pixelMm, type Probe } from './view.js';

/** The imaginary part is read this far from the real part. */
const PART = 131101;

/** Mean energy that linear interpolation in two directions takes away, given back. */
const BETWEEN = 1.5;

/**
 * Turns scatterers on a grid of beams and depths into a picture: point-spread function, envelope, logarithmic
 * compression, scan conversion (the convolution model of ultrasound; Bamber and Dickinson 1980, doi 10.1088/0031-9155/25/3/006).
 */
export interface Scanner {
  readonly probe: Probe;
  /** Beams and samples along each; the sample of beam i at depth j is `[i · depths + j]`. */
  readonly beams: number;
  readonly depths: number;
  /** Angle of a beam from straight down, radians, and the distance of samples, mm. */
  readonly angles: Float32Array;
  readonly step: number;
  /** To be filled before a picture is taken: how strongly the place of each sample scatters (1 = myocardium). */
  readonly strength: Float32Array;
  /** Likewise: which scatterer lies there, an index into the noise pool, and how far towards the next one along and across. */
  readonly scatterer: Int32Array;
  readonly along: Float32Array;
  readonly across: Float32Array;
  /** The picture of what was filled in, grey `[H·W]`; `frame` chooses its electronic noise. */
  picture(frame: number): Uint8Array;
}

function decibels(level: number): number {
  return Math.pow(10, level / 20);
}

/** Half of a Gaussian kernel that keeps the variance of white noise. */
function kernel(sigma: number): Float32Array {
  const radius = Math.max(1, Math.ceil(2.2 * sigma));
  const half = Float32Array.from({ length: radius + 1 }, (_, i) => Math.exp(-(i * i) / (2 * sigma * sigma)));
  const energy = half.reduce((sum, v, i) => sum + (i === 0 ? 1 : 2) * v * v, 0);
  return half.map((v) => v / Math.sqrt(energy));
}

/** Convolves along one direction of the grid; `from` and `to` have silent margins as wide as the kernel. */
function convolve(from: Float32Array, to: Float32Array, half: Float32Array, stride: number, margin: number): void {
  const centre = half[0] as number;
  const end = from.length - margin;
  for (let i = margin; i < end; i++) {
    let sum = centre * (from[i] as number);
    for (let tap = 1, shift = stride; tap < half.length; tap++, shift += stride) {
      sum += (half[tap] as number) * ((from[i - shift] as number) + (from[i + shift] as number));
    }
    to[i] = sum;
  }
}

/** What a beam lets through (rib and lung shadows, weaker edges), as strength. */
function beamTransmission(random: Random, beams: number): Float32Array {
  const notches = Array.from({ length: random.integer(4) }, () => ({
    at: random.uniform() < 0.7 ? Math.round(random.uniform()) * 0.86 + 0.07 : random.uniform(),
    width: 0.03 + 0.09 * random.uniform(),
    depth: 16 * random.uniform(),
  }));
  return Float32Array.from({ length: beams }, (_, i) => {
    const place = i / (beams - 1);
    const edge = -7 * Math.pow(Math.abs(2 * place - 1), 4);
    const level = notches.reduce((sum, n) => sum - n.depth * Math.exp(-(((place - n.at) / n.width) ** 2)), edge);
    return decibels(level);
  });
}

/** For each pixel inside the sector: the sample before it and how far it lies from that, in samples and in beams. */
interface ScanConversion {
  readonly pixel: Int32Array;
  readonly sample: Int32Array;
  readonly alongBeam: Float32Array;
  readonly acrossBeams: Float32Array;
}

function scanConversion(probe: Probe, size: number, beams: number, depths: number, silent: number): ScanConversion {
  const mm = pixelMm(size);
  const pixel = new Int32Array(size * size);
  const sample = new Int32Array(size * size);
  const alongBeam = new Float32Array(size * size);
  const acrossBeams = new Float32Array(size * size);
  let count = 0;
  for (let at = 0; at < size * size; at++) {
    const x = ((at % size) + 0.5) * mm - probe.tipX;
    const y = (Math.floor(at / size) + 0.5) * mm - probe.tipY;
    const depth = (Math.sqrt(x * x + y * y) / probe.reach) * (depths - 1);
    const beam = ((Math.atan2(x, y) - probe.steer) / (2 * probe.halfAngle) + 0.5) * (beams - 1);
    if (y <= 0 || beam < 0 || beam >= beams - 1 || depth >= depths - 2 * silent) continue;
    pixel[count] = at;
    sample[count] = Math.floor(beam) * depths + Math.floor(depth);
    alongBeam[count] = depth - Math.floor(depth);
    acrossBeams[count] = beam - Math.floor(beam);
    count++;
  }
  return { pixel: pixel.subarray(0, count), sample, alongBeam, acrossBeams };
}

/**
 * What does not change from frame to frame, per sample: share let through, level of noise, near-field clutter; nothing in
 * the last `silent` samples of each beam, so that one beam does not spread into the next.
 */
interface StillParts {
  readonly through: Float32Array;
  readonly noise: Float32Array;
  readonly clutterReal: Float32Array;
  readonly clutterImaginary: Float32Array;
}

function stillParts(probe: Probe, random: Random, beams: number, depths: number, silent: number): StillParts {
  const transmission = beamTransmission(random, beams);
  const step = probe.reach / (depths - 1);
  const from = random.integer(POOL_MASK);
  const pool = noisePool();
  const table = (value: (beam: number, depth: number) => number): Float32Array => {
    const values = new Float32Array(beams * depths);
    for (let i = 0; i < beams; i++) for (let j = 0; j < depths - silent; j++) values[i * depths + j] = value(i, j);
    return values;
  };
  const clutter = Float32Array.from({ length: depths }, (_, j) =>
    decibels(probe.clutter - (8.7 * j * step) / probe.clutterDepth),
  );
  const scattered = (part: number): Float32Array =>
    table((i, j) => (clutter[j] as number) * (pool[(from + part + i * depths + j) & POOL_MASK] as number));
  const gain = Float32Array.from({ length: depths }, (_, j) => decibels(-probe.attenuation * j * step));
  const noise = Float32Array.from({ length: depths }, (_, j) => decibels(probe.noise - 12 * (1 - j / depths)));
  return {
    through: table((i, j) => (transmission[i] as number) * (gain[j] as number)),
    noise: table((_, j) => noise[j] as number),
    clutterReal: scattered(0),
    clutterImaginary: scattered(PART),
  };
}

/** A scanner for square pictures of `size` pixels; its shadows and clutter are drawn here and stay. */
export function createScanner(probe: Probe, random: Random, size: number): Scanner {
  const beams = Math.round(0.85 * size);
  const depths = Math.round(1.1 * size);
  const step = probe.reach / (depths - 1);
  const angles = Float32Array.from(
    { length: beams },
    (_, i) => probe.steer + (i / (beams - 1) - 0.5) * 2 * probe.halfAngle,
  );
  const total = beams * depths;
  const strength = new Float32Array(total);
  const scatterer = new Int32Array(total);
  const pool = noisePool();
  const along = new Float32Array(total);
  const across = new Float32Array(total);
  const axial = kernel(probe.axial / step);
  const still = stillParts(probe, random, beams, depths, axial.length);
  const lateral = kernel((probe.lateral * (beams - 1)) / (2 * probe.halfAngle));
  const margin = lateral.length * depths;
  const buffer = (): Float32Array => new Float32Array(total + 2 * margin);
  const [real, imaginary, scratch] = [buffer(), buffer(), buffer()];
  const levels = new Float32Array(total);
  const pixels = scanConversion(probe, size, beams, depths, axial.length);

  /** Between scatterers the echo changes linearly, so that speckle follows movements smaller than a sample. */
  const between = (k: number, u: number, v: number): number => {
    const here = (1 - v) * (pool[k & POOL_MASK] as number) + v * (pool[(k + 1) & POOL_MASK] as number);
    const next = k + POOL_ROW;
    const there = (1 - v) * (pool[next & POOL_MASK] as number) + v * (pool[(next + 1) & POOL_MASK] as number);
    return (1 - u) * here + u * there;
  };

  const echo = (noiseAt: number): void => {
    for (let at = 0, to = margin; at < total; at++, to++) {
      const tissue = BETWEEN * (strength[at] as number) * (still.through[at] as number);
      const noise = still.noise[at] as number;
      const k = scatterer[at] as number;
      const u = along[at] as number;
      const v = across[at] as number;
      const n = at + noiseAt;
      const re = tissue * between(k, u, v) + noise * (pool[n & POOL_MASK] as number);
      const im = tissue * between(k + PART, u, v) + noise * (pool[(n + PART) & POOL_MASK] as number);
      real[to] = re + (still.clutterReal[at] as number);
      imaginary[to] = im + (still.clutterImaginary[at] as number);
    }
  };

  const spread = (field: Float32Array): void => {
    convolve(field, scratch, axial, 1, margin);
    convolve(scratch, field, lateral, depths, margin);
  };

  const compress = (): void => {
    const slope = (255 / probe.dynamicRange) * (10 / Math.LN10);
    for (let at = 0, from = margin; at < total; at++, from++) {
      const re = real[from] as number;
      const im = imaginary[from] as number;
      const level = probe.gain + slope * Math.log((re * re + im * im) / 2 + 1e-9);
      levels[at] = Math.min(255, Math.max(0, level));
    }
  };

  const convert = (): Uint8Array => {
    const grey = new Uint8Array(size * size);
    for (let k = 0; k < pixels.pixel.length; k++) {
      const s = pixels.sample[k] as number;
      const u = pixels.alongBeam[k] as number;
      const near = (1 - u) * (levels[s] as number) + u * (levels[s + 1] as number);
      const far = (1 - u) * (levels[s + depths] as number) + u * (levels[s + depths + 1] as number);
      const v = pixels.acrossBeams[k] as number;
      grey[pixels.pixel[k] as number] = (1 - v) * near + v * far + 0.5;
    }
    return grey;
  };

  const picture = (frame: number): Uint8Array => {
    const noiseAt = Math.imul(Math.round(frame * 16) + 1, 0x9e3779b1) >>> 8;
    echo(noiseAt);
    spread(real);
    spread(imaginary);
    compress();
    return convert();
  };

  return { probe, beams, depths, angles, step, strength, scatterer, along, across, picture };
}
