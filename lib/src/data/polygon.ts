/** A closed polygon, its corners as x0, y0, x1, y1, … in pixels. */
export type Polygon = readonly number[];

/** Area by the shoelace formula, px². */
export function polygonArea(polygon: Polygon): number {
  let twice = 0;
  for (let i = 0; i < polygon.length; i += 2) {
    const j = (i + 2) % polygon.length;
    twice += (polygon[i] as number) * (polygon[j + 1] as number) - (polygon[j] as number) * (polygon[i + 1] as number);
  }
  return Math.abs(twice) / 2;
}

/** Twice the signed area of the triangle of three corners: on which side of the line a–b the corner c lies. */
function side(polygon: Polygon, a: number, b: number, c: number): number {
  const [ax, ay] = [polygon[a] as number, polygon[a + 1] as number];
  const [bx, by] = [polygon[b] as number, polygon[b + 1] as number];
  return (bx - ax) * ((polygon[c + 1] as number) - ay) - (by - ay) * ((polygon[c] as number) - ax);
}

/** Whether two edges cross properly; edges that only touch do not count. */
export function intersectsItself(polygon: Polygon): boolean {
  const length = polygon.length;
  for (let i = 0; i < length; i += 2) {
    const iEnd = (i + 2) % length;
    for (let j = i + 2; j < length; j += 2) {
      const jEnd = (j + 2) % length;
      const apart = side(polygon, i, iEnd, j) * side(polygon, i, iEnd, jEnd) < 0;
      if (apart && side(polygon, j, jEnd, i) * side(polygon, j, jEnd, iEnd) < 0) return true;
    }
  }
  return false;
}
