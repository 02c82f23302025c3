import { printable } from '../host/text.js';
import type { Split } from './study.js';
import { parseNumber } from './tracings.js';

/** EF by the volumes, %: 100 · (EDV − ESV)/EDV. */
export function ejectionFraction(EDV: number, ESV: number): number {
  return (100 * (EDV - ESV)) / EDV;
}

/** How far a labelled EF may lie from that of its volumes, percentage points; it may come from another measurement. */
export const efTolerance = 5;

/** The volumes taken for ones, mL: those of a child born too early and more, so that litres are none. */
const [leastVolume, largestVolume] = [0.5, 1000];

/** The least EF taken for one, %, so that a fraction of 1 is none. */
const leastEF = 1;

/** The labels of a study as its row gives them (NaN where it is no number), and what is wrong with them. */
export interface Labels {
  readonly EF: number;
  readonly ESV: number;
  readonly EDV: number;
  readonly reasons: readonly string[];
}

/** 12.345 as 12.3, 12 as 12. */
const short = (value: number): string => String(Math.round(value * 10) / 10);

/** What is wrong with labels that are numbers: their range (EF in %, volumes in mL) and their order. */
export function labelFaults(EF: number, ESV: number, EDV: number): string[] {
  const reasons = range(EF, ESV, EDV);
  if (reasons.length > 0 || ESV < EDV) return reasons;
  return [`ESV is not below EDV: ${short(ESV)} and ${short(EDV)} mL`];
}

/** A clause where EF lies further from that of its volumes than {@link efTolerance}. */
export function efDisagreement(EF: number, ESV: number, EDV: number): string[] {
  const byVolumes = ejectionFraction(EDV, ESV);
  if (Math.abs(EF - byVolumes) <= efTolerance) return [];
  return [`EF is at odds with its volumes: ${short(EF)} % and ${short(byVolumes)} %`];
}

function range(EF: number, ESV: number, EDV: number): string[] {
  const reasons: string[] = [];
  if (!(EF >= leastEF && EF < 100)) {
    reasons.push(`EF out of range: ${short(EF)} %, expected from ${leastEF} to below 100`);
  }
  for (const [name, volume] of [
    ['ESV', ESV],
    ['EDV', EDV],
  ] as const) {
    if (volume >= leastVolume && volume <= largestVolume) continue;
    reasons.push(`${name} out of range: ${short(volume)} mL, expected ${leastVolume} to ${largestVolume}`);
  }
  return reasons;
}

/**
 * Checks the labels of a row: each a number; 1 ≤ EF < 100 %; 0.5 ≤ volumes ≤ 1000 mL; ESV below EDV; EF within five
 * percentage points of 100 · (EDV − ESV)/EDV.
 */
export function readLabels(row: Readonly<Record<'EF' | 'ESV' | 'EDV', string>>): Labels {
  const [EF, ESV, EDV] = [parseNumber(row.EF), parseNumber(row.ESV), parseNumber(row.EDV)];
  const missing = (['EF', 'ESV', 'EDV'] as const).filter((name) => !Number.isFinite(parseNumber(row[name])));
  if (missing.length > 0) {
    const reasons = missing.map((name) => `${name} is not a number: "${printable(row[name], 20)}"`);
    return { EF, ESV, EDV, reasons };
  }
  const faults = labelFaults(EF, ESV, EDV);
  return { EF, ESV, EDV, reasons: faults.length > 0 ? faults : efDisagreement(EF, ESV, EDV) };
}

/** The split of a row in any case; `null` if it is none. */
export function readSplit(text: string): Split | null {
  const split = text.toUpperCase();
  return split === 'TRAIN' || split === 'VAL' || split === 'TEST' ? split : null;
}
