import type { Random } from '../../tree/random.js';
import { within, type Vitals } from './population.js';

/** Discs of the single-plane method (Lang et al. 2015, doi 10.1016/j.echo.2014.10.003). */
export const DISCS = 20;

/** The form of a left ventricle, constant over the clip. */
export interface VentricleForm {
  /** Long axis at end-diastole, mm. */
  readonly length: number;
  /** Share by which the long axis shortens in systole. */
  readonly shortening: number;
  /** Where along the axis it is widest, 0 apex … 1 base. */
  readonly widest: number;
  /** Power of the apical curve: 2 an ellipse, more is blunter. */
  readonly apex: number;
  /** Share of the width lost from the widest place to the base. */
  readonly taper: number;
  /** Sideways bend of the middle line, as a share of the width, and its change in systole. */
  readonly bow: number;
  readonly bowInSystole: number;
  /** Regional wall motion: strength (share of width) and place of the weak segment. */
  readonly weakness: number;
  readonly weakAt: number;
}

/** A left ventricle at one moment, in its own frame: a along the long axis from the apex, b across it (mm). */
export interface Ventricle {
  readonly form: VentricleForm;
  readonly length: number;
  /** Width where the unit profile is 1, mm. */
  readonly width: number;
  /** Share of the stroke volume that has left. */
  readonly emptied: number;
}

/** Full width at s = a / length, as a share of `width`, before regional wall motion. */
export function profile({ widest, apex, taper }: VentricleForm, s: number): number {
  if (s <= widest) return Math.sqrt(Math.max(0, 1 - Math.pow((widest - s) / widest, apex)));
  const u = (s - widest) / (1 - widest);
  return 1 - taper * u * u;
}

/** Width at s as a share of `width` at a moment: the weak segment thickens and narrows less than the others. */
function movingProfile(form: VentricleForm, s: number, emptied: number): number {
  const u = (s - form.weakAt) / 0.22;
  return profile(form, s) * (1 + form.weakness * emptied * Math.exp(-u * u));
}

/** Mean of the squared moving profile over the discs: volume = π/4 · width² · length · this. */
function fullness(form: VentricleForm, emptied: number): number {
  let sum = 0;
  for (let k = 0; k < DISCS; k++) sum += movingProfile(form, (k + 0.5) / DISCS, emptied) ** 2;
  return sum / DISCS;
}

/** Draws a form; dilated and weak ventricles are rounder and shorten less. */
export function drawForm(random: Random, { EF, EDV }: Vitals): VentricleForm {
  const form = {
    length: 0,
    shortening: (EF / 100) * within(0.17, 0.31, () => 0.24 + 0.03 * random.normal()),
    widest: 0.5 + 0.16 * random.uniform(),
    apex: 1.9 + 0.6 * random.uniform(),
    taper: 0.14 + 0.16 * random.uniform(),
    bow: 0.05 * random.normal(),
    bowInSystole: 0.02 * random.normal(),
    weakness: within(0, 0.3, () => (EF < 50 ? 0.12 : 0.04) * Math.abs(random.normal())),
    weakAt: 0.15 + 0.7 * random.uniform(),
  };
  const round = 0.54 + 0.0012 * (55.7 - EF) + 0.0003 * (EDV - 91);
  const ratio = within(0.4, 0.8, () => round + 0.045 * random.normal());
  const length = Math.cbrt((EDV * 1000) / ((Math.PI / 4) * ratio * ratio * fullness(form, 0)));
  return { ...form, length };
}

/** The ventricle of `volume` mL by the method of discs: its length is given by how far it has emptied, its width solved. */
export function ventricleOf(form: VentricleForm, volume: number, emptied: number): Ventricle {
  const length = form.length * (1 - form.shortening * emptied);
  const width = Math.sqrt((volume * 1000) / ((Math.PI / 4) * length * fullness(form, emptied)));
  return { form, length, width, emptied };
}

/** The chord of the drawn endocardium across the long axis at s: left and right end, mm from the axis. */
export function chord({ form, width, emptied }: Ventricle, s: number): { left: number; right: number } {
  const half = (width * movingProfile(form, s, emptied)) / 2;
  const middle = width * (form.bow + form.bowInSystole * emptied) * Math.sin(Math.PI * s);
  return { left: middle - half, right: middle + half };
}

/** Volume in mL by the method of discs: 20 discs of equal height, each as wide as the chord at its middle. */
export function discVolume(ventricle: Ventricle): number {
  let sum = 0;
  for (let k = 0; k < DISCS; k++) {
    const { left, right } = chord(ventricle, (k + 0.5) / DISCS);
    sum += (right - left) ** 2;
  }
  return ((Math.PI / 4) * sum * (ventricle.length / DISCS)) / 1000;
}
