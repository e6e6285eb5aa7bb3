/** Weight of the newest request: some ten of them count. */
const NEWEST_WEIGHT = 1 / 4;

/** How long requests take, milliseconds; 0 while that is not known. A page may take seconds, a lookup hardly ever does. */
export class RequestDurations {
  page = 0;
  lookup = 0;

  record(kind: "page" | "lookup", ms: number): void {
    const previous = this[kind];
    this[kind] = previous === 0 ? ms : previous + (ms - previous) * NEWEST_WEIGHT;
  }
}
