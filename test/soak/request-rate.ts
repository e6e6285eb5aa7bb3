import type { Point } from "./slope.js";

export const WINDOW_MS = 60_000;

/** For each request, how many there were in the 60 s up to it. `times` are ascending. */
export function requestsPerWindow(times: readonly number[]): Point[] {
  let first = 0;
  return times.map((at, index) => {
    while ((times[first] ?? at) <= at - WINDOW_MS) first++;
    return { at, value: index - first + 1 };
  });
}

/** The most requests in any 60 s of one worker, which knows nothing of those before its start. */
export function mostInWindow(times: readonly number[], starts: readonly number[]): number {
  const bounds = [...starts, Number.POSITIVE_INFINITY];
  const most = bounds.map((end, index) => {
    const begin = bounds[index - 1] ?? 0;
    const own = times.filter((at) => at >= begin && at < end);
    return Math.max(0, ...requestsPerWindow(own).map(({ value }) => value));
  });
  return Math.max(0, ...most);
}
