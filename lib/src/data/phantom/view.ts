import type { Random } from '../../tree/random.js';

/** Side of the square picture, mm: the depth is fixed, so that a pixel is as long in every study. */
export const FIELD_MM = 168;

/** Length of a pixel, mm. */
export function pixelMm(size: number): number {
  return FIELD_MM / size;
}

/** Pixels (centres at whole numbers) from mm. */
export function toPixels(mm: number, size: number): number {
  return mm / pixelMm(size) - 0.5;
}

/** How the scan is made, constant over the clip; lengths in mm from the top left corner, angles in radians. */
export interface Probe {
  readonly tipX: number;
  readonly tipY: number;
  /** Half the opening of the sector and the direction of its middle. */
  readonly halfAngle: number;
  readonly steer: number;
  readonly reach: number;
  /** Standard deviations of the point-spread function: mm along the beam, radians across it. */
  readonly axial: number;
  readonly lateral: number;
  /** Grey level of myocardium and dB from black to white. */
  readonly gain: number;
  readonly dynamicRange: number;
  /** dB a mm that the depth compensation leaves over (either sign), and the level of noise at full depth, dB. */
  readonly attenuation: number;
  readonly noise: number;
  /** Level of the near-field clutter, dB, and how deep it reaches, mm. */
  readonly clutter: number;
  readonly clutterDepth: number;
}

export function drawProbe(random: Random): Probe {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  return {
    tipX: FIELD_MM / 2 + 3 * random.normal(),
    tipY: between(2, 6),
    halfAngle: (Math.PI / 180) * between(36, 46),
    steer: (Math.PI / 180) * 2.5 * random.normal(),
    reach: 164,
    axial: between(0.7, 1.1),
    lateral: (Math.PI / 180) * between(0.8, 1.5),
    gain: between(100, 160),
    dynamicRange: between(46, 62),
    attenuation: between(-0.01, 0.08),
    noise: between(-36, -19),
    clutter: between(-14, 4),
    clutterDepth: between(10, 32),
  };
}

/** Where the long axis lies in the picture: the endocardial apex and the direction to the base (0 straight down), mm, radians. */
export interface Placement {
  readonly apexX: number;
  readonly apexY: number;
  readonly tilt: number;
}
