/** Area of a polygon by the shoelace formula. */
export function shoelace(points: readonly (readonly [number, number])[]): number {
  let sum = 0;
  points.forEach(([x, y], i) => {
    const [nextX, nextY] = points[(i + 1) % points.length] as readonly [number, number];
    sum += x * nextY - nextX * y;
  });
  return Math.abs(sum) / 2;
}
