import { csvRows } from '../files/csv.js';
import { printable } from '../host/text.js';
import { intersectsItself, polygonArea, type Polygon } from './polygon.js';

/** The left ventricle as traced in one video: for each traced frame (0-based) its polygon, and rows that make no sense. */
export interface Tracing {
  readonly polygons: ReadonlyMap<number, Polygon>;
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
type Chord = readonly [x1: number, y1: number, x2: number, y2: number];

/** Around the ventricle: along the first ends of the chords and back along the second ones; row 0 is the long axis. */
function polygonOf(rows: readonly Chord[]): Polygon {
  const chords = rows.slice(1);
  return [...chords.flatMap(([x, y]) => [x, y]), ...[...chords].reverse().flatMap(([, , x, y]) => [x, y])];
}

/** The first field of a row that makes no sense. */
function faultOfRow(values: TracingValues, chord: Chord, frame: number): string | undefined {
  const isFrame = Number.isSafeInteger(frame) && frame >= 0;
  const numbers = ['X1', 'Y1', 'X2', 'Y2'] as const;
  const column = numbers.find((_, i) => !Number.isFinite(chord[i])) ?? (isFrame ? undefined : 'Frame');
  return column === undefined ? undefined : `${column} "${printable(values[column], 20)}"`;
}

/** Reads `VolumeTracings.csv` of EchoNet-Dynamic: the tracings by study id. */
export async function readTracings(path: string): Promise<Map<string, Tracing>> {
  const chords = new Map<string, Map<number, Chord[]>>();
  const badRows = new Map<string, string[]>();
  for await (const { row, values } of csvRows(path, tracingColumns)) {
    const id = idOf(values.FileName);
    const frame = parseNumber(values.Frame);
    const chord: Chord = [
      parseNumber(values.X1),
      parseNumber(values.Y1),
      parseNumber(values.X2),
      parseNumber(values.Y2),
    ];
    const frames = chords.get(id) ?? new Map<number, Chord[]>();
    chords.set(id, frames);
    const fault = faultOfRow(values, chord, frame);
    if (fault !== undefined) {
      const known = badRows.get(id);
      if (known === undefined) badRows.set(id, [`row ${row}, ${fault}`]);
      else known.push(`row ${row}, ${fault}`);
      continue;
    }
    const rows = frames.get(frame);
    if (rows === undefined) frames.set(frame, [chord]);
    else rows.push(chord);
  }
  const tracings = new Map<string, Tracing>();
  for (const [id, frames] of chords) {
    const polygons = new Map([...frames].map(([frame, rows]) => [frame, polygonOf(rows)] as const));
    tracings.set(id, { polygons, badRows: badRows.get(id) ?? [] });
  }
  return tracings;
}

function faultOf(frame: number, polygon: Polygon): string[] {
  const chords = polygon.length / 4;
  if (chords < 2 || chords > mostChords) {
    return [`polygon has too few or too many chords: frame ${frame} has ${chords}, expected 2 to ${mostChords}`];
  }
  if (polygonArea(polygon) < 1) return [`polygon has no area: frame ${frame}`];
  return intersectsItself(polygon) ? [`polygon intersects itself: frame ${frame}`] : [];
}

/** The two traced frames of a study: the one with the larger polygon is ED. */
export function tracedPair(tracing: Tracing | undefined): TracedPair {
  if (tracing === undefined) return { kind: 'none', reasons: ['no tracing: it has no row in VolumeTracings.csv'] };
  const { polygons, badRows } = tracing;
  const reasons: string[] = [];
  if (badRows.length > 0) {
    const more = badRows.length > 1 ? ` and ${badRows.length - 1} more` : '';
    reasons.push(`bad tracing: VolumeTracings.csv, ${badRows[0]}${more}`);
  } else if (polygons.size !== 2) {
    reasons.push(`traced frames are not two: ${polygons.size} found`);
  }
  for (const [frame, polygon] of polygons) reasons.push(...faultOf(frame, polygon));
  if (reasons.length > 0) return { kind: 'none', reasons };
  const [[a, first], [b, second]] = [...polygons] as [[number, Polygon], [number, Polygon]];
  const [areaA, areaB] = [polygonArea(first), polygonArea(second)];
  if (areaA === areaB) return { kind: 'none', reasons: [`polygons are equally large: frames ${a} and ${b}`] };
  return areaA > areaB ? { kind: 'pair', edFrame: a, esFrame: b } : { kind: 'pair', edFrame: b, esFrame: a };
}
