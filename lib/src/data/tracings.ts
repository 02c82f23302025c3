import { csvRows } from '../files/csv.js';
import { printable } from '../host/text.js';
import { intersectsItself, polygonArea, type Polygon } from './polygon.js';

/** The left ventricle as traced in one video, and the rows that make no sense. */
export interface Tracing {
  /** For each traced frame (0-based) its rows, one after the other: X1, Y1, X2, Y2. */
  readonly frames: ReadonlyMap<number, readonly number[]>;
  readonly badRows: readonly string[];
}

/** ED and ES of a tracing, or why there are none. */
export type TracedPair =
  | { readonly kind: 'pair'; readonly edFrame: number; readonly esFrame: number }
  | { readonly kind: 'none'; readonly reasons: readonly string[] };

export const tracingColumns = ['FileName', 'X1', 'Y1', 'X2', 'Y2', 'Frame'] as const;

/** About 20 are usual. */
const mostChords = 500;

/** A decimal number as it stands in a CSV field; anything else is NaN. */
export function parseNumber(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : NaN;
}

/** The id of a study: its FileName without `.avi`. */
export function idOf(fileName: string): string {
  return fileName.replace(/\.avi$/i, '');
}

type TracingValues = Readonly<Record<(typeof tracingColumns)[number], string>>;

/** Around the ventricle: along the first ends of the chords and back along the second ones; row 0 is the long axis. */
function polygonOf(rows: readonly number[]): Polygon {
  const there: number[] = [];
  const back: number[] = [];
  for (let i = 4; i < rows.length; i += 4) {
    const last = rows.length - i;
    there.push(rows[i] as number, rows[i + 1] as number);
    back.push(rows[last + 2] as number, rows[last + 3] as number);
  }
  return [...there, ...back];
}

/** The first field of a row that makes no sense. */
function faultOfRow(values: TracingValues, chord: readonly number[], frame: number): string | undefined {
  const isFrame = Number.isSafeInteger(frame) && frame >= 0;
  const numbers = ['X1', 'Y1', 'X2', 'Y2'] as const;
  const column = numbers.find((_, i) => !Number.isFinite(chord[i])) ?? (isFrame ? undefined : 'Frame');
  return column === undefined ? undefined : `${column} "${printable(values[column], 20)}"`;
}

interface GrowingTracing extends Tracing {
  readonly frames: Map<number, number[]>;
  readonly badRows: string[];
}

/** Reads `VolumeTracings.csv` of EchoNet-Dynamic: the tracings by study id; of videos not among `wanted` only that there is one. */
export async function readTracings(path: string, wanted: ReadonlySet<string>): Promise<Map<string, Tracing>> {
  const tracings = new Map<string, GrowingTracing>();
  for await (const { row, values, fault: ofRow } of csvRows(path, tracingColumns)) {
    const id = idOf(values.FileName);
    const tracing = tracings.get(id) ?? { frames: new Map<number, number[]>(), badRows: [] };
    tracings.set(id, tracing);
    if (!wanted.has(id)) continue;
    const frame = parseNumber(values.Frame);
    const chord = [values.X1, values.Y1, values.X2, values.Y2].map(parseNumber);
    const fault = ofRow ?? faultOfRow(values, chord, frame);
    const rows = tracing.frames.get(frame);
    if (fault !== undefined) tracing.badRows.push(`row ${row}, ${fault}`);
    else if (rows === undefined) tracing.frames.set(frame, chord);
    else rows.push(...chord);
  }
  return tracings;
}

function faultOf(frame: number, rows: readonly number[]): string[] {
  const chords = rows.length / 4 - 1;
  if (chords < 2 || chords > mostChords) {
    return [`polygon has too few or too many chords: frame ${frame} has ${chords}, expected 2 to ${mostChords}`];
  }
  const polygon = polygonOf(rows);
  if (polygonArea(polygon) < 1) return [`polygon has no area: frame ${frame}`];
  return intersectsItself(polygon) ? [`polygon intersects itself: frame ${frame}`] : [];
}

/** The two traced frames of a study: the one with the larger polygon is ED. */
export function tracedPair(tracing: Tracing | undefined): TracedPair {
  if (tracing === undefined) return { kind: 'none', reasons: ['no tracing: it has no row in VolumeTracings.csv'] };
  const { frames, badRows } = tracing;
  const reasons: string[] = [];
  if (badRows.length > 0) {
    const more = badRows.length > 1 ? ` and ${badRows.length - 1} more` : '';
    reasons.push(`bad tracing: VolumeTracings.csv, ${badRows[0]}${more}`);
  } else if (frames.size !== 2) {
    reasons.push(`traced frames are not two: ${frames.size} found`);
  }
  for (const [frame, rows] of frames) reasons.push(...faultOf(frame, rows));
  if (reasons.length > 0) return { kind: 'none', reasons };
  const [[a, first], [b, second]] = [...frames] as [[number, number[]], [number, number[]]];
  const [areaA, areaB] = [polygonArea(polygonOf(first)), polygonArea(polygonOf(second))];
  if (areaA === areaB) return { kind: 'none', reasons: [`polygons are equally large: frames ${a} and ${b}`] };
  return areaA > areaB ? { kind: 'pair', edFrame: a, esFrame: b } : { kind: 'pair', edFrame: b, esFrame: a };
}
