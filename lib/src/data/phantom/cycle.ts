import type { Random } from '../../tree/random.js';
import type { Vitals } from './population.js';

/** The timing of a clip; frames are 0-based, `edFrame` and `esFrame` those of the traced beat. */
export interface Cycle {
  readonly frames: number;
  /** Frames of a beat, not a whole number. */
  readonly beat: number;
  /** Frames from end-diastole to end-systole. */
  readonly systole: number;
  readonly edFrame: number;
  readonly esFrame: number;
  /** Share of the filling that the early (E) wave brings; the atrial kick brings the rest. */
  readonly early: number;
  /** How much smaller the excursion of the other beats is. */
  readonly respiration: number;
}

/** Diastole as fractions of its length: relaxation at constant volume, E wave, diastasis, atrial kick. */
const E_START = 0.12;
const E_END = 0.5;
const A_START = 0.74;

/** 0 below 0, 1 above 1, smooth between. */
export function smoothstep(x: number): number {
  const u = Math.min(1, Math.max(0, x));
  return u * u * (3 - 2 * u);
}

/** At least 1.5 beats with end-diastole or end-systole first; systole shortens with the heart rate as Weissler measured. */
export function drawCycle(random: Random, { heartRate, fps }: Vitals): Cycle {
  const beat = (fps * 60) / heartRate;
  const systole = Math.round(fps * (0.43 - 0.0017 * heartRate));
  const systoleFirst = random.uniform() < 0.7;
  const span = systoleFirst ? systole : beat - systole;
  const frames = Math.ceil(beat * (1.5 + 0.2 * random.uniform()));
  const first = 1 + random.integer(Math.floor(frames - span - 3));
  const edFrame = systoleFirst ? first : first + Math.round(span);
  const esFrame = systoleFirst ? first + systole : edFrame - Math.round(span);
  const early = 0.55 + 0.2 * random.uniform();
  return { frames, beat, systole, edFrame, esFrame, early, respiration: 0.01 + 0.03 * random.uniform() };
}

/** Frames since the last end-diastole; the traced pair lies exactly at 0 and at `systole`. */
function sinceEndDiastole({ beat, systole, edFrame, esFrame }: Cycle, t: number): number {
  const filling = (t - esFrame) / (edFrame - esFrame);
  if (esFrame < edFrame && filling > 0 && filling < 1) return systole + filling * (beat - systole);
  const origin = t <= esFrame ? esFrame - systole : edFrame;
  return (((t - origin) % beat) + beat) % beat;
}

/** Share of diastole that has passed, negative in systole. */
function diastole(cycle: Cycle, t: number): number {
  return (sinceEndDiastole(cycle, t) - cycle.systole) / (cycle.beat - cycle.systole);
}

/**
 * Share of the stroke volume that has left the ventricle at frame t: exactly 0 at `edFrame` and 1 at `esFrame`,
 * strictly between at every other frame, since the other beats move a little less.
 */
export function emptied(cycle: Cycle, t: number): number {
  const y = diastole(cycle, t);
  const early = smoothstep((y - E_START) / (E_END - E_START));
  const kick = smoothstep((y - A_START) / (1 - A_START));
  const systolic = (1 - Math.cos((Math.PI * sinceEndDiastole(cycle, t)) / cycle.systole)) / 2;
  const share = y < 0 ? systolic : 1 - cycle.early * early - (1 - cycle.early) * kick;
  const distance = Math.min(Math.abs(t - cycle.edFrame), Math.abs(t - cycle.esFrame)) / cycle.beat;
  const less = cycle.respiration * (1 - Math.exp(-30 * distance * distance));
  return less + (1 - 2 * less) * share;
}

/** How far the mitral valve is open (0 … 1): wide in the E wave, half in diastasis, again at the atrial kick. */
export function mitralOpening(cycle: Cycle, t: number): number {
  const y = diastole(cycle, t);
  if (y < 0) return 0;
  const open = smoothstep((y - E_START) / 0.1);
  const closing = 1 - smoothstep((y - 0.93) / 0.07);
  const drift = 0.55 * (smoothstep((y - 0.3) / 0.25) - smoothstep((y - A_START) / 0.1));
  return open * closing * (1 - drift);
}
