/** A measurement at a time, both in units of the caller. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

/** The slope of the line with the least squares through the points; 0 for fewer than two. */
export function leastSquaresSlope(points: readonly Point[]): number {
  const meanOf = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanAt = meanOf(points.map(({ at }) => at));
  const meanValue = meanOf(points.map(({ value }) => value));
  let covariance = 0;
  let variance = 0;
  for (const { at, value } of points) {
    covariance += (at - meanAt) * (value - meanValue);
    variance += (at - meanAt) ** 2;
  }
  return variance === 0 ? 0 : covariance / variance;
}

/**
 * The lowest value of each of `count` intervals of equal length: what memory returns to between
 * collections, and descriptors between requests.
 */
export function lowestPerInterval(points: readonly Point[], count: number): Point[] {
  const first = points[0]?.at ?? 0;
  const length = ((points.at(-1)?.at ?? 0) - first) / count;
  const lowest: Point[] = [];
  for (let index = 0; index < count; index++) {
    const from = first + index * length;
    const within = points.filter(
      ({ at }) => at >= from && (at < from + length || index === count - 1),
    );
    const values = within.map(({ value }) => value);
    if (values.length > 0) lowest.push({ at: from + length / 2, value: Math.min(...values) });
  }
  return lowest;
}

export interface Growth {
  /** From the beginning to the end of the time, on the line through the lowest values. */
  readonly grown: number;
  readonly isFlat: boolean;
}

const MAX_INTERVALS = 12;
/** Long enough for a collection of the garbage in each. */
const MIN_INTERVAL_MS = 40_000;

/**
 * Whether a value stays as it is (`at` in milliseconds): its line must not rise by more than
 * `allowed` over the whole time. The longer the time, the smaller the leak that this finds.
 */
export function growthOf(points: readonly Point[], allowed: number): Growth {
  const span = (points.at(-1)?.at ?? 0) - (points[0]?.at ?? 0);
  const count = Math.max(2, Math.min(MAX_INTERVALS, Math.floor(span / MIN_INTERVAL_MS)));
  const grown = leastSquaresSlope(lowestPerInterval(points, count)) * span;
  return { grown, isFlat: grown <= allowed };
}
