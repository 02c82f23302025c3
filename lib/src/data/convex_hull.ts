import type { GreyImage } from './study.js';

type Point = readonly [x: number, y: number];

/** Twice the signed area of a triangle. */
const turn = ([ax, ay]: Point, [bx, by]: Point, [cx, cy]: Point): number =>
  (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);

function chain(points: readonly Point[]): Point[] {
  const kept: Point[] = [];
  for (const point of points) {
    while (kept.length > 1 && turn(kept.at(-2) as Point, kept.at(-1) as Point, point) <= 0) kept.pop();
    kept.push(point);
  }
  return kept;
}

/** The leftmost and the rightmost chosen pixel of every row: no other can lie on the hull. */
function rowEnds({ height, width, data }: GreyImage): Point[] {
  const ends: Point[] = [];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    const left = row.findIndex((value) => value !== 0);
    if (left < 0) continue;
    let right = width - 1;
    while (row[right] === 0) right -= 1;
    ends.push([left, y], [right, y]);
  }
  return ends.sort(([ax, ay], [bx, by]) => ax - bx || ay - by);
}

/** The convex hull of a picture's pixels that are not 0, filled with 1 (Andrew's monotone chain). */
export function fillConvexHull(picture: GreyImage): GreyImage {
  const { height, width } = picture;
  const points = rowEnds(picture);
  const hull = [...chain(points), ...chain([...points].reverse())];
  const data = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    let [left, right] = [Infinity, -Infinity];
    hull.forEach(([ax, ay], i) => {
      const [bx, by] = hull[(i + 1) % hull.length] as Point;
      if (y < Math.min(ay, by) || y > Math.max(ay, by)) return;
      const xs = ay === by ? [ax, bx] : [ax + ((y - ay) * (bx - ax)) / (by - ay)];
      [left, right] = [Math.min(left, ...xs), Math.max(right, ...xs)];
    });
    if (left <= right) data.fill(1, y * width + Math.floor(left), y * width + Math.ceil(right) + 1);
  }
  return { height, width, data };
}
