import type { Random } from '../../tree/random.js';
import { noisePool, POOL_MASK } from './noise_pool.js';
import { pixelMm, type Probe } from './view.js';

/** The imaginary part is read this far from the real part. */
const IMAGINARY = 131101;

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
  /** To be filled before a picture is taken: scatterer strength (1 = myocardium) and index into the noise pool. */
  readonly strength: Float32Array;
  readonly scatterer: Int32Array;
  /** The picture of what was filled in, grey `[H·W]`; `frame` chooses its electronic noise. */
  picture(frame: number): Uint8Array;
}

function decibels(level: number): number {
  return Math.pow(10, level / 20);
}

/** Half of a Gaussian kernel that keeps the variance of white noise. */
function kernel(sigma: number): Float32Array {
  const radius = Math.max(1, Math.ceil(2.5 * sigma));
  const half = Float32Array.from({ length: radius + 1 }, (_, i) => Math.exp(-(i * i) / (2 * sigma * sigma)));
  const energy = half.reduce((sum, v, i) => sum + (i === 0 ? 1 : 2) * v * v, 0);
  return half.map((v) => v / Math.sqrt(energy));
}

/** Convolves along one direction of the grid; samples beyond the ends count as silent. */
function convolve(from: Float32Array, to: Float32Array, half: Float32Array, stride: number, run: number): void {
  const centre = half[0] as number;
  for (let i = 0; i < from.length; i++) to[i] = centre * (from[i] as number);
  for (let tap = 1; tap < half.length; tap++) {
    const weight = half[tap] as number;
    const shift = tap * stride;
    for (let start = 0; start < from.length; start += run) {
      const end = start + run - shift;
      for (let i = start; i < end; i++) {
        const j = i + shift;
        to[i] = (to[i] as number) + weight * (from[j] as number);
        to[j] = (to[j] as number) + weight * (from[i] as number);
      }
    }
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

interface Pixel {
  readonly at: Int32Array;
  readonly sample: Int32Array;
  readonly alongBeam: Float32Array;
  readonly acrossBeams: Float32Array;
}

/** For every pixel inside the sector the sample above and left of it and how far it lies from that. */
function scanConversion(probe: Probe, size: number, beams: number, depths: number): Pixel {
  const mm = pixelMm(size);
  const found: { at: number; sample: number; along: number; across: number }[] = [];
  for (let at = 0; at < size * size; at++) {
    const x = ((at % size) + 0.5) * mm - probe.tipX;
    const y = (Math.floor(at / size) + 0.5) * mm - probe.tipY;
    const beam = ((Math.atan2(x, y) - probe.steer) / (2 * probe.halfAngle) + 0.5) * (beams - 1);
    const depth = (Math.hypot(x, y) / probe.reach) * (depths - 1);
    if (y <= 0 || beam < 0 || beam >= beams - 1 || depth >= depths - 1) continue;
    const [i, j] = [Math.floor(beam), Math.floor(depth)];
    found.push({ at, sample: i * depths + j, along: depth - j, across: beam - i });
  }
  return {
    at: Int32Array.from(found, (p) => p.at),
    sample: Int32Array.from(found, (p) => p.sample),
    alongBeam: Float32Array.from(found, (p) => p.along),
    acrossBeams: Float32Array.from(found, (p) => p.across),
  };
}

/** A scanner for square pictures of `size` pixels; its shadows and clutter are drawn here and stay. */
export function createScanner(probe: Probe, random: Random, size: number): Scanner {
  const beams = Math.round(0.95 * size);
  const depths = Math.round(1.25 * size);
  const step = probe.reach / (depths - 1);
  const angles = Float32Array.from(
    { length: beams },
    (_, i) => probe.steer + (i / (beams - 1) - 0.5) * 2 * probe.halfAngle,
  );
  const total = beams * depths;
  const strength = new Float32Array(total);
  const scatterer = new Int32Array(total);
  const pool = noisePool();
  const transmission = beamTransmission(random, beams);
  const depthGain = Float32Array.from({ length: depths }, (_, j) => decibels(-probe.attenuation * j * step));
  const noiseLevel = Float32Array.from({ length: depths }, (_, j) => decibels(probe.noise - 12 * (1 - j / depths)));
  const clutterLevel = Float32Array.from({ length: depths }, (_, j) =>
    decibels(probe.clutter - (8.7 * j * step) / probe.clutterDepth),
  );
  const clutterAt = random.integer(POOL_MASK);
  const along = kernel(probe.axial / step);
  const across = kernel((probe.lateral * (beams - 1)) / (2 * probe.halfAngle));
  const pixels = scanConversion(probe, size, beams, depths);
  const [real, imaginary, scratch] = [0, 1, 2].map(() => new Float32Array(total)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];

  const echo = (into: Float32Array, part: number, noiseAt: number): void => {
    for (let i = 0, at = 0; i < beams; i++) {
      const through = transmission[i] as number;
      for (let j = 0; j < depths; j++, at++) {
        const tissue = (strength[at] as number) * (pool[((scatterer[at] as number) + part) & POOL_MASK] as number);
        const clutter = (clutterLevel[j] as number) * (pool[(at + clutterAt + part) & POOL_MASK] as number);
        const noise = (noiseLevel[j] as number) * (pool[(at + noiseAt + part) & POOL_MASK] as number);
        into[at] = through * (depthGain[j] as number) * tissue + clutter + noise;
      }
    }
    convolve(into, scratch, along, 1, depths);
    convolve(scratch, into, across, depths, total);
  };

  const compress = (): void => {
    const slope = (255 / probe.dynamicRange) * (10 / Math.LN10);
    for (let i = 0; i < total; i++) {
      const power = ((real[i] as number) ** 2 + (imaginary[i] as number) ** 2) / 2;
      scratch[i] = Math.min(255, Math.max(0, probe.gain + slope * Math.log(power + 1e-9)));
    }
  };

  const convert = (): Uint8Array => {
    const grey = new Uint8Array(size * size);
    for (let k = 0; k < pixels.at.length; k++) {
      const s = pixels.sample[k] as number;
      const u = pixels.alongBeam[k] as number;
      const near = (1 - u) * (scratch[s] as number) + u * (scratch[s + 1] as number);
      const far = (1 - u) * (scratch[s + depths] as number) + u * (scratch[s + depths + 1] as number);
      const v = pixels.acrossBeams[k] as number;
      grey[pixels.at[k] as number] = (1 - v) * near + v * far + 0.5;
    }
    return grey;
  };

  const picture = (frame: number): Uint8Array => {
    const noiseAt = Math.imul(Math.round(frame * 16) + 1, 0x9e3779b1) >>> 8;
    echo(real, 0, noiseAt);
    echo(imaginary, IMAGINARY, noiseAt);
    compress();
    return convert();
  };

  return { probe, beams, depths, angles, step, strength, scatterer, picture };
}
